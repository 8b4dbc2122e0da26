//! A few texts over HTTP/1.1, for monitoring on this host: no TLS, no state, nothing is read but the path.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Connections at once; more wait.
const CONNECTIONS: usize = 16;

/// How long a connection may stay.
const PATIENCE: Duration = Duration::from_secs(30);

/// Gives the text of a path; none where there is none.
pub type Texts = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Listens on an address.
///
/// # Errors
/// It is taken, or is not this host's.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers until it is dropped.
pub async fn serve(listener: TcpListener, texts: Arc<Texts>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, for instance: later there may be room.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let texts = texts.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = answer(&request, &*texts);
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // Whoever asks badly gets no answer, and nobody else needs to know.
            let _ = timeout(PATIENCE, connection).await;
            drop(place);
        });
    }
}

fn answer(request: &Request<Incoming>, texts: &Texts) -> Response<Full<Bytes>> {
    let found = match *request.method() {
        Method::GET | Method::HEAD => texts(request.uri().path()).ok_or(StatusCode::NOT_FOUND),
        _ => Err(StatusCode::METHOD_NOT_ALLOWED),
    };
    let (status, text) = match found {
        Ok(text) => (StatusCode::OK, text),
        Err(status) => (status, format!("{status}\n")),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::http_get;

    #[tokio::test]
    async fn a_path_has_its_text_and_others_have_none() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let url = url.parse().unwrap();
        let texts = |path: &str| (path == "/metrics").then(|| "up 1\n".to_owned());
        tokio::spawn(serve(listener, Arc::new(texts)));
        let patience = Duration::from_secs(5);
        let found = http_get::get(&url, "/metrics", None, patience)
            .await
            .unwrap();
        assert_eq!((found.status, found.body.as_str()), (200, "up 1\n"));
        let none = http_get::get(&url, "/secrets", None, patience)
            .await
            .unwrap();
        assert_eq!(none.status, 404);
    }
}
