//! Who may change something: no page of somebody else's; and who may decide, which a customer may not.

use super::Shop;
use crate::problem::{Problem, shown};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use utoipa::ToSchema;

/// Refuses what a browser sends for a page of another host, unless it only reads: what it is answered no such page
/// may see. Whoever is no browser sends neither of the headers.
pub(super) async fn own_pages_only(request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_own(request.headers()) {
        return next.run(request).await;
    }
    let field = |name| {
        let value = request.headers().get(name).map(|value| value.as_bytes());
        shown(&String::from_utf8_lossy(value.unwrap_or_default()))
    };
    let (origin, host) = (field(header::ORIGIN), field(header::HOST));
    let detail = format!(
        "origin is {origin:?} and host {host:?}; only pages of this shop may do this, and a proxy before it must pass the host on"
    );
    Problem::new(StatusCode::FORBIDDEN, "Another origin", detail).into_response()
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

/// Who may decide what becomes of keys and dead letters.
#[derive(Clone)]
pub struct Guard {
    /// What a decision needs, if anything.
    pub token: Option<Arc<str>>,
    /// Where we listen.
    pub listen: SocketAddr,
}

/// Who may decide what becomes of keys and dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Decisions {
    /// Whoever asks as this one does
    Open,
    /// Whoever has the token
    Token,
    /// Nobody: the shop can be reached by others, and there is no token
    Closed,
}

impl Guard {
    /// What holds for who asks with these headers. Without a token only this machine may, by a name of its own: a
    /// name of somebody else may lead here too, and a proxy may bring anybody.
    pub(super) fn decisions(&self, headers: &HeaderMap) -> Decisions {
        if self.token.is_some() {
            return Decisions::Token;
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
        let ours = [self.listen.to_string(), format!("localhost:{}", self.listen.port())];
        match self.listen.ip().is_loopback() && ours.iter().any(|ours| ours == host) {
            true => Decisions::Open,
            false => Decisions::Closed,
        }
    }

    fn may_decide(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let (status, title, detail) = match self.decisions(headers) {
            Decisions::Open => return Ok(()),
            Decisions::Token if self.is_given(headers) => return Ok(()),
            Decisions::Token => (
                StatusCode::UNAUTHORIZED,
                "Token needed",
                "this needs authorization: Bearer TOKEN, with the value of STAGE_ADMIN_TOKEN",
            ),
            Decisions::Closed => (
                StatusCode::FORBIDDEN,
                "Not from here",
                "without a token only this machine decides, by its address or localhost; give the shop a STAGE_ADMIN_TOKEN",
            ),
        };
        Err(Problem::new(status, title, detail))
    }

    fn is_given(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
        let given = given.and_then(|value| value.strip_prefix(b"Bearer ")).unwrap_or_default();
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
        shop.guard.may_decide(&parts.headers).map(|()| MayDecide)
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
    #[test]
    fn only_this_machine_decides_without_a_token() {
        let asked = |listen: [u8; 4], token: Option<&str>, fields: &[(&'static str, &str)]| {
            let guard = Guard { token: token.map(Arc::from), listen: (listen, 8094).into() };
            let field = |(name, value): &(&'static str, &str)| {
                (name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap())
            };
            match guard.may_decide(&fields.iter().map(field).collect()) {
                Ok(()) => 200,
                Err(problem) => problem.into_response().status().as_u16(),
            }
        };
        let (here, all) = ([127, 0, 0, 1], [0, 0, 0, 0]);
        for host in ["127.0.0.1:8094", "localhost:8094"] {
            assert_eq!(asked(here, None, &[("host", host)]), 200, "{host}");
        }
        for host in ["evil.example:8094", "127.0.0.1:80", "shop.example", ""] {
            assert_eq!(asked(here, None, &[("host", host)]), 403, "{host}");
        }
        assert_eq!(asked(all, None, &[("host", "0.0.0.0:8094")]), 403);
        let host = ("host", "shop.example");
        for wrong in ["Bearer secre", "Bearer secrets", "secret", "Bearer "] {
            assert_eq!(asked(all, Some("secret"), &[host, ("authorization", wrong)]), 401);
        }
        assert_eq!(asked(here, Some("secret"), &[("host", "127.0.0.1:8094")]), 401);
        assert_eq!(asked(all, Some("secret"), &[host, ("authorization", "Bearer secret")]), 200);
        let guard = Guard { token: Some("secret".into()), listen: (here, 1).into() };
        assert!(!format!("{guard:?}").contains("secret"));
    }
}
