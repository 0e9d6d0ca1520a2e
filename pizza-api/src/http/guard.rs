//! Who may ask: no page of somebody else's; and who may decide, which a customer may not.

use super::Shop;
use crate::problem::{Problem, shown};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use utoipa::ToSchema;

/// What is answered under any name: a probe asks by an address of its own.
const PROBED: [&str; 4] = ["/healthz", "/livez", "/readyz", "/metrics"];

/// What a proxy adds to what it passes on.
const PASSED_ON: [&str; 6] =
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

/// Refuses what is asked under the name of somebody else, and what a browser sends for a page of another host, unless
/// it only reads: what it is answered no such page may see. Whoever is no browser sends no `Origin`.
pub(super) async fn within(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !guard.is_for_us(headers) && !PROBED.contains(&request.uri().path()) {
        let detail = format!(
            "host is {:?}, which is no name of this shop; start it with --host NAME to have it asked so",
            shown(&host_of(headers).unwrap_or_default())
        );
        let status = StatusCode::MISDIRECTED_REQUEST;
        return Problem::new(status, "Another host", detail).into_response();
    }
    if request.method().is_safe() || is_own(headers) {
        return next.run(request).await;
    }
    let origin = headers.get(header::ORIGIN).map(|value| value.as_bytes()).unwrap_or_default();
    let (origin, host) =
        (shown(&String::from_utf8_lossy(origin)), shown(&host_of(headers).unwrap_or_default()));
    let detail = format!(
        "origin is {origin:?} and host {host:?}; only pages of this shop may do this, and a proxy before it must pass the host on"
    );
    Problem::new(StatusCode::FORBIDDEN, "Another origin", detail).into_response()
}

/// The host that is asked, as the request has it.
fn host_of(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?;
    Some(String::from_utf8_lossy(host.as_bytes()).to_ascii_lowercase())
}

/// Whether the page is of the host that is asked: a browser says so itself (Fetch Metadata) where the connection is
/// encrypted or local; elsewhere by the origin, of any scheme, since a proxy before us may speak HTTPS.
fn is_own(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let asker = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    asker.is_some() && asker == host
}

/// Who may ask, and who may decide what becomes of keys and dead letters.
#[derive(Clone)]
pub struct Guard {
    /// What a decision needs, if anything.
    pub token: Option<Arc<str>>,
    /// Where we listen.
    pub listen: SocketAddr,
    /// Other names that the shop is asked by.
    pub hosts: Arc<[String]>,
}

/// Who may decide what becomes of keys and dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Decisions {
    /// Whoever asks as this one does
    Open,
    /// Whoever has the token
    Token,
    /// Nobody: there is no token, and who asks comes from elsewhere, or by another name
    Closed,
}

impl Guard {
    /// Whether the host that is asked is this shop. Where only this machine reaches us we have its names, at any port
    /// since a tunnel may lead here, and those that we were told: a page of somebody else whose name leads here, which a
    /// browser takes for one of its own, would read what it likes. Elsewhere any name may be ours, if we were not told.
    fn is_for_us(&self, headers: &HeaderMap) -> bool {
        let is_open = !self.listen.ip().is_loopback() && self.hosts.is_empty();
        let Some(host) = host_of(headers).filter(|_| !is_open) else { return true };
        let port =
            host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        let name = port.map_or(host.as_str(), |(name, _)| name);
        self.is_name(name) || self.hosts.iter().any(|told| *told == host || told == name)
    }

    /// Whether this is our address or `localhost`.
    fn is_name(&self, name: &str) -> bool {
        let ip = self.listen.ip();
        [ip.to_string(), format!("[{ip}]"), "localhost".to_owned()].iter().any(|ours| ours == name)
    }

    /// Whether the host that is asked is our address or `localhost`, at our port.
    fn is_own(&self, headers: &HeaderMap) -> bool {
        let host = host_of(headers).filter(|_| headers.get_all(header::HOST).iter().count() == 1);
        let Some(host) = host else { return false };
        let port = self.listen.port();
        let suffix = format!(":{port}");
        // Browsers leave out the port that everybody knows.
        let name = host.strip_suffix(&suffix).or((port == 80).then_some(host.as_str()));
        name.is_some_and(|name| self.is_name(name))
    }

    /// What holds for who asks like this. Without a token only this machine may, by a name of its own, and not through
    /// a proxy, which may bring anybody. (One that says nothing of itself and asks by our name cannot be told apart.)
    pub(super) fn decisions(&self, version: Version, headers: &HeaderMap) -> Decisions {
        if self.token.is_some() {
            return Decisions::Token;
        }
        let is_passed_on =
            version < Version::HTTP_11 || PASSED_ON.iter().any(|name| headers.contains_key(*name));
        match self.listen.ip().is_loopback() && self.is_own(headers) && !is_passed_on {
            true => Decisions::Open,
            false => Decisions::Closed,
        }
    }

    fn may_decide(&self, version: Version, headers: &HeaderMap) -> Result<(), Problem> {
        match self.decisions(version, headers) {
            Decisions::Open => Ok(()),
            Decisions::Token if self.is_given(headers) => Ok(()),
            Decisions::Token => {
                let detail =
                    "this needs authorization: Bearer TOKEN, with the value of STAGE_ADMIN_TOKEN";
                Err(Problem::new(StatusCode::UNAUTHORIZED, "Token needed", detail).challenge())
            }
            Decisions::Closed => {
                let detail = "without a token only this machine decides, by its address or localhost and through no proxy; give the shop a STAGE_ADMIN_TOKEN";
                Err(Problem::new(StatusCode::FORBIDDEN, "Not from here", detail))
            }
        }
    }

    fn is_given(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
        let given = given.and_then(|value| value.split_at_checked(b"Bearer ".len()));
        let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "));
        let given = given.map(|(_, token)| token).unwrap_or_default();
        self.token.as_ref().is_some_and(|token| is_same(given, token.as_bytes()))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        f.debug_struct("Guard").field("listen", &self.listen).field("token", &token).finish()
    }
}

/// Takes as long for a wrong token as for the right one.
fn is_same(given: &[u8], token: &[u8]) -> bool {
    let differ = given.iter().zip(token).fold(0, |differ, (a, b)| differ | (a ^ b));
    given.len() == token.len() && differ == 0
}

/// That who asks may decide: a route that takes this is for nobody else.
pub(super) struct MayDecide;

impl FromRequestParts<Shop> for MayDecide {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<MayDecide, Problem> {
        shop.guard.may_decide(parts.version, &parts.headers).map(|()| MayDecide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(fields: &[(&'static str, &str)]) -> bool {
        is_own(
            &fields
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect(),
        )
    }

    #[test]
    fn only_a_page_of_the_host_that_is_asked_may_order() {
        let host = ("host", "127.0.0.1:8094");
        assert!(own(&[host]) && own(&[host, ("sec-fetch-site", "same-origin")]));
        for page in ["http://127.0.0.1:8094", "https://127.0.0.1:8094"] {
            assert!(own(&[host, ("origin", page)]), "{page}");
        }
        for page in ["null", "http://evil.example", "http://127.0.0.1:80", "127.0.0.1:8094", ""] {
            assert!(!own(&[host, ("origin", page)]), "{page:?}");
        }
        for site in ["cross-site", "same-site"] {
            assert!(!own(&[host, ("sec-fetch-site", site)]), "{site}");
        }
        let behind_a_proxy = ("origin", "https://shop.example");
        assert!(own(&[host, ("sec-fetch-site", "same-origin"), behind_a_proxy]));
        assert!(!own(&[("origin", "http://127.0.0.1:8094")]), "no host");
    }

    fn guard(listen: &str, token: Option<&str>, hosts: &[&str]) -> Guard {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Guard { token: token.map(Arc::from), listen: listen.parse().unwrap(), hosts }
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &str)| {
            (name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap())
        };
        fields.iter().map(field).collect()
    }

    fn decides(guard: &Guard, fields: &[(&'static str, &str)]) -> u16 {
        match guard.may_decide(Version::HTTP_11, &headers(fields)) {
            Ok(()) => 200,
            Err(problem) => problem.into_response().status().as_u16(),
        }
    }

    #[test]
    fn only_this_machine_decides_without_a_token() {
        let here = guard("127.0.0.1:8094", None, &["shop.example"]);
        let own = ("host", "127.0.0.1:8094");
        for host in ["127.0.0.1:8094", "localhost:8094", "LocalHost:8094"] {
            assert_eq!(decides(&here, &[("host", host)]), 200, "{host}");
        }
        for host in ["evil.example:8094", "127.0.0.1:80", "127.0.0.1", "shop.example", ""] {
            assert_eq!(decides(&here, &[("host", host)]), 403, "{host}");
        }
        assert_eq!(decides(&here, &[]), 403, "no host");
        assert_eq!(decides(&here, &[own, ("host", "evil.example")]), 403, "two");
        for proxy in PASSED_ON {
            assert_eq!(decides(&here, &[own, (proxy, "203.0.113.9")]), 403, "{proxy}");
        }
        assert!(here.may_decide(Version::HTTP_10, &headers(&[own])).is_err());
        assert_eq!(decides(&guard("0.0.0.0:8094", None, &[]), &[("host", "0.0.0.0:8094")]), 403);
        assert_eq!(decides(&guard("[::1]:8094", None, &[]), &[("host", "[::1]:8094")]), 200);
        assert_eq!(decides(&guard("127.0.0.1:80", None, &[]), &[("host", "localhost")]), 200);
    }

    #[test]
    fn with_a_token_whoever_has_it_decides() {
        let (here, all) =
            (guard("127.0.0.1:8094", Some("secret"), &[]), guard("0.0.0.0:1", Some("secret"), &[]));
        let host = ("host", "shop.example");
        for wrong in ["Bearer secre", "Bearer secrets", "secret", "Bearer ", "Bear", "Basic secret"]
        {
            assert_eq!(decides(&all, &[host, ("authorization", wrong)]), 401, "{wrong}");
        }
        assert_eq!(decides(&here, &[("host", "127.0.0.1:8094")]), 401);
        for right in ["Bearer secret", "bearer secret"] {
            assert_eq!(decides(&all, &[host, ("authorization", right)]), 200);
        }
        assert!(!format!("{here:?}").contains("secret"));
    }

    #[test]
    fn a_name_of_somebody_else_leads_nowhere() {
        let asked = |guard: &Guard, host: &str| guard.is_for_us(&headers(&[("host", host)]));
        let here = guard("127.0.0.1:8094", None, &[]);
        assert!(asked(&here, "localhost:8094") && here.is_for_us(&HeaderMap::new()));
        assert!(asked(&here, "localhost:9999"), "a tunnel");
        let six = guard("[::1]:8094", None, &[]);
        assert!(asked(&six, "[::1]:8094") && asked(&six, "[::1]") && !asked(&six, "[::2]:8094"));
        for other in ["evil.example:8094", "evil.example", "127.0.0.1.evil.example:8094", ""] {
            assert!(!asked(&here, other), "{other}");
        }
        let told = guard("127.0.0.1:8094", None, &["shop.example", "other.example:444"]);
        assert!(asked(&told, "shop.example") && asked(&told, "Shop.example:443"));
        assert!(asked(&told, "other.example:444") && !asked(&told, "other.example:445"));
        assert!(!asked(&told, "evil.example") && asked(&told, "127.0.0.1:8094"));
        let all = guard("0.0.0.0:8094", None, &[]);
        assert!(asked(&all, "shop.example"), "known by any name");
        assert!(!asked(&guard("0.0.0.0:8094", None, &["shop.example"]), "evil.example"));
    }
}
