//! A way to the broker on which acknowledgements of what is produced can be lost.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The number of the request that produces.
const PRODUCE: [u8; 2] = 0i16.to_be_bytes();

/// No correlation number that librdkafka gives: it counts from 1.
const NONE: usize = 0;

/// Carries every connection to one broker; its threads end with the process.
pub struct Proxy {
    pub address: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    loses: AtomicBool,
    lost: AtomicUsize,
}

impl Proxy {
    /// Leads to this broker, and puts its own address where the broker's answers have theirs.
    pub fn start(broker: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap().to_string();
        let (address, to, state) = (here.clone(), broker.to_owned(), Arc::<State>::default());
        let told = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (state, to, here) = (told.clone(), to.clone(), here.clone());
                std::thread::spawn(move || carry(client, &to, &here, &state));
            }
        });
        Proxy { address, state }
    }

    /// From now on: one request to produce arrives and its answer is lost, with its connection; those after it
    /// do not arrive, and cost their connections too. Everything else goes its way.
    pub fn loses_acknowledgements(&self, loses: bool) {
        self.state.lost.store(0, Ordering::SeqCst);
        self.state.loses.store(loses, Ordering::SeqCst);
    }

    /// How many requests to produce have met that since: the first has arrived and was answered.
    pub fn lost(&self) -> usize {
        self.state.lost.load(Ordering::SeqCst)
    }
}

fn carry(client: TcpStream, to: &str, here: &str, state: &State) {
    let Ok(server) = TcpStream::connect(to) else { return };
    for socket in [&client, &server] {
        socket.set_nodelay(true).unwrap();
    }
    let unanswered = AtomicUsize::new(NONE);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            requests(&client, &server, state, &unanswered);
            // Where an answer is to be lost, whoever waits for it ends the connection.
            if unanswered.load(Ordering::SeqCst) == NONE {
                end(&client, &server);
            }
        });
        answers(&server, &client, (&named(to), &named(here)), &unanswered);
        end(&client, &server);
    });
}

fn requests(mut from: &TcpStream, mut to: &TcpStream, state: &State, unanswered: &AtomicUsize) {
    while let Some(request) = frame(&mut from) {
        if request[4..6] == PRODUCE && state.loses.load(Ordering::SeqCst) {
            if state.lost.fetch_add(1, Ordering::SeqCst) > 0 {
                return;
            }
            unanswered.store(correlation(&request[8..]), Ordering::SeqCst);
        }
        if to.write_all(&request).is_err() {
            return;
        }
    }
}

fn answers(
    mut from: &TcpStream,
    mut to: &TcpStream,
    (theirs, ours): (&[u8], &[u8]),
    unanswered: &AtomicUsize,
) {
    while let Some(mut answer) = frame(&mut from) {
        if correlation(&answer[4..]) == unanswered.load(Ordering::SeqCst) {
            return;
        }
        for at in 0..answer.len().saturating_sub(theirs.len()) + 1 {
            if answer[at..].starts_with(theirs) {
                answer[at..at + ours.len()].copy_from_slice(ours);
            }
        }
        if to.write_all(&answer).is_err() {
            return;
        }
    }
}

/// A request or an answer with its length before it.
fn frame(from: &mut &TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let mut frame = length.to_vec();
    frame.resize(4 + u32::from_be_bytes(length) as usize, 0);
    from.read_exact(&mut frame[4..]).ok()?;
    Some(frame)
}

fn correlation(bytes: &[u8]) -> usize {
    u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize
}

/// A host and a port on loopback, as they stand in answers of every version.
fn named(address: &str) -> Vec<u8> {
    let (host, port) = address.rsplit_once(':').unwrap();
    [host.as_bytes(), &port.parse::<i32>().unwrap().to_be_bytes()].concat()
}

fn end(client: &TcpStream, server: &TcpStream) {
    for socket in [client, server] {
        socket.shutdown(Shutdown::Both).ok();
    }
}
