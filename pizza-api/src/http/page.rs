//! The page: files that are part of the program, so that it is there without a network.

use super::{Shop, wrong_method};
use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// A page of ours loads nothing from elsewhere, and stands in nobody else's.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

macro_rules! files {
    ($($path:literal $file:literal,)*) => {
        [$(($path, $file, include_str!(concat!("../../page/", $file)))),*]
    };
}

/// Where each is, and its text.
const FILES: [(&str, &str, &str); 22] = files![
    "/" "index.html",
    "/page.css" "page.css",
    "/icon.svg" "icon.svg",
    "/page.js" "page.js",
    "/api.js" "api.js",
    "/chain.js" "chain.js",
    "/decisions.js" "decisions.js",
    "/described.js" "described.js",
    "/docs" "docs.html",
    "/docs.js" "docs.js",
    "/dom.js" "dom.js",
    "/keys.js" "keys.js",
    "/lag.js" "lag.js",
    "/letters.js" "letters.js",
    "/lines.js" "lines.js",
    "/order.js" "order.js",
    "/orders.js" "orders.js",
    "/pizzas.js" "pizzas.js",
    "/place.js" "place.js",
    "/records.js" "records.js",
    "/stream.js" "stream.js",
    "/words.js" "words.js",
];

/// A route for each of its files.
pub(super) fn routes() -> Router<Shop> {
    FILES.iter().fold(Router::new(), |routes, &(path, file, text)| {
        let answer = get(move || async move { answer(file, text) });
        routes.route(path, answer.fallback(wrong_method))
    })
}

fn answer(file: &str, text: &'static str) -> Response {
    let kind = match file.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_for_nothing_that_is_not_there() {
        let known: Vec<&str> = FILES.iter().map(|(_, file, _)| *file).collect();
        for (_, file, text) in FILES {
            let parts = text.split(['"', '\'']).filter_map(|part| {
                part.strip_prefix("./")
                    .or_else(|| part.strip_prefix('/').filter(|_| file.ends_with(".html")))
            });
            for part in parts.filter(|part| part.contains('.') && *part != "openapi.json") {
                assert!(known.contains(&part), "{file} asks for {part}");
            }
        }
    }
}
