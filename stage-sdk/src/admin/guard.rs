//! Who may change a running stage.

use super::problem::{Problem, shown};
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, ORIGIN};
use std::net::SocketAddr;

/// Whether a request with these headers is answered. A page whose name leads here, which browsers take
/// for one of its own, would read what it likes: where only this host can reach us, we have its name.
///
/// # Errors
/// The host it is for is another.
pub(super) fn may_ask(headers: &HeaderMap, address: SocketAddr) -> Result<(), Problem> {
    let Some(host) = headers.get(HOST).filter(|_| address.ip().is_loopback()) else {
        return Ok(());
    };
    let host = String::from_utf8_lossy(host.as_bytes());
    let name = host.strip_suffix(&format!(":{}", address.port())).unwrap_or(&host);
    let ours = [address.ip().to_string(), format!("[{}]", address.ip()), "localhost".to_owned()];
    if ours.iter().any(|ours| ours == name) {
        return Ok(());
    }
    let detail = format!("host is {:?}; this is http://{address}", shown(&host));
    Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "Another host", detail))
}

/// Whether a post with these headers is obeyed. `address`: where we listen.
///
/// # Errors
/// It has not the token, comes from a page of somebody else, or is of a type that any page may send.
pub(super) fn may_post(
    headers: &HeaderMap,
    token: Option<&str>,
    address: SocketAddr,
) -> Result<(), Problem> {
    let field = |name: HeaderName| headers.get(name).map(|value| value.as_bytes());
    let given = field(AUTHORIZATION).and_then(|value| value.strip_prefix(b"Bearer "));
    if let Some(token) = token
        && !given.is_some_and(|given| is_same(given, token.as_bytes()))
    {
        let detail = "this needs authorization: Bearer TOKEN, with the value of STAGE_ADMIN_TOKEN";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "Token needed", detail).challenge());
    }
    if let Some(origin) = field(ORIGIN)
        && !is_own(origin, address)
    {
        let origin = shown(&String::from_utf8_lossy(origin));
        let detail = format!("origin is {origin:?}; only pages of http://{address} may do this");
        return Err(Problem::new(StatusCode::FORBIDDEN, "Another origin", detail));
    }
    let kind = field(CONTENT_TYPE).map(String::from_utf8_lossy).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let detail = format!("content-type is {:?}; send application/json", shown(&kind));
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(status, "Content type needed", detail));
    }
    Ok(())
}

/// Whether the origin is the listener's own; names of other hosts that lead here are not.
fn is_own(origin: &[u8], address: SocketAddr) -> bool {
    let local = format!("http://localhost:{}", address.port());
    origin == format!("http://{address}").as_bytes()
        || (address.ip().is_loopback() && origin == local.as_bytes())
}

/// Takes as long for a wrong token as for the right one.
fn is_same(given: &[u8], token: &[u8]) -> bool {
    let differ = given.iter().zip(token).fold(0, |differ, (a, b)| differ | (a ^ b));
    given.len() == token.len() && differ == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(token: Option<&str>, fields: &[(HeaderName, &str)]) -> u16 {
        let fields = fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
        match may_post(&fields.collect(), token, ([127, 0, 0, 1], 9000).into()) {
            Ok(()) => 200,
            Err(problem) => problem.answer().status().as_u16(),
        }
    }

    #[test]
    fn a_page_of_somebody_else_changes_nothing() {
        let json = (CONTENT_TYPE, "application/json; charset=utf-8");
        assert_eq!(status(None, std::slice::from_ref(&json)), 200);
        assert_eq!(status(None, &[]), 415);
        assert_eq!(status(None, &[(CONTENT_TYPE, "text/plain")]), 415);
        for own in ["http://127.0.0.1:9000", "http://localhost:9000"] {
            assert_eq!(status(None, &[json.clone(), (ORIGIN, own)]), 200, "{own}");
        }
        for other in ["null", "http://evil:9000", "http://127.0.0.1:80", "https://localhost:9000"] {
            assert_eq!(status(None, &[json.clone(), (ORIGIN, other)]), 403, "{other}");
        }
    }

    #[test]
    fn a_name_of_somebody_else_leads_nowhere() {
        let asked = |host: &str, address: [u8; 4]| {
            let headers = HeaderMap::from_iter([(HOST, host.parse().unwrap())]);
            may_ask(&headers, (address, 9000).into()).is_ok()
        };
        for own in ["127.0.0.1:9000", "localhost:9000", "localhost"] {
            assert!(asked(own, [127, 0, 0, 1]), "{own}");
        }
        for other in ["evil:9000", "127.0.0.1.evil:9000", "evil", "127.0.0.1:80"] {
            assert!(!asked(other, [127, 0, 0, 1]), "{other}");
        }
        assert!(asked("stages.example:9000", [0, 0, 0, 0]), "known by any name");
        assert!(may_ask(&HeaderMap::new(), ([127, 0, 0, 1], 9000).into()).is_ok());
    }

    #[test]
    fn a_token_is_needed_where_there_is_one() {
        let json = (CONTENT_TYPE, "application/json");
        assert_eq!(status(Some("secret"), std::slice::from_ref(&json)), 401);
        for wrong in ["Bearer secre", "Bearer secrets", "Basic secret", "secret", "Bearer "] {
            assert_eq!(status(Some("secret"), &[json.clone(), (AUTHORIZATION, wrong)]), 401);
        }
        assert_eq!(status(Some("secret"), &[json, (AUTHORIZATION, "Bearer secret")]), 200);
    }
}
