//! Who may change something: no page of somebody else's.

use crate::problem::{Problem, shown};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Refuses what a browser sends for a page of another host, unless it only reads: what it is answered no such page
/// may see. Whoever is no browser sends no origin.
pub(super) async fn own_pages_only(request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_own(request.headers()) {
        return next.run(request).await;
    }
    let origin = request.headers().get(header::ORIGIN).map(|origin| origin.as_bytes());
    let origin = String::from_utf8_lossy(origin.unwrap_or_default());
    let detail = format!("origin is {:?}; only pages of this shop may do this", shown(&origin));
    Problem::new(StatusCode::FORBIDDEN, "Another origin", detail).into_response()
}

/// Whether the page is of the host that is asked. A proxy before us may speak HTTPS, so the scheme may be any.
fn is_own(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        // Browsers that send no origin with a post say this.
        return headers.get("sec-fetch-site").is_none_or(|site| site != "cross-site");
    };
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
        assert!(!own(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(!own(&[("origin", "http://127.0.0.1:8094")]), "no host");
    }
}
