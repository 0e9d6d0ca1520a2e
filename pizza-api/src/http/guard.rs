//! Who may change something: no page of somebody else's.

use crate::problem::{Problem, shown};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

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
}
