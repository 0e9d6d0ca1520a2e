const AGAIN_MS = 3_000;

/**
 * Follows a stream of states for as long as somebody looks at the page, and reconnects. Returns
 * what ends it.
 */
export function follow(url, name, onState, onContact) {
  let source = null;
  let timer = 0;

  function open() {
    close();
    source = new EventSource(url);
    source.addEventListener("open", () => onContact("live"));
    source.addEventListener(name, (event) => onState(JSON.parse(event.data)));
    source.addEventListener("error", lost);
  }

  function lost() {
    onContact("reconnecting");
    // A browser gives up for good where the answer is no stream.
    if (source?.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS);
  }

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  // A browser has few connections per server: pages that nobody sees leave theirs to the others.
  function seen() {
    if (document.hidden) close();
    else open();
  }

  document.addEventListener("visibilitychange", seen);
  seen();
  return () => {
    document.removeEventListener("visibilitychange", seen);
    close();
  };
}
