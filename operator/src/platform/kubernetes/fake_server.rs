//! An API server for tests: a function from requests to answers.

use std::convert::Infallible;

use hyper::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// A client of a server that answers with the result of the function: an object, or an error code.
pub(crate) fn client<F>(answer: F) -> Client
where
    F: Fn(&Method, &str, Value) -> Result<Value, u16> + Clone + Send + 'static,
{
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = answer.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap();
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let answer = answer(&head.method, head.uri.path(), body);
            Ok::<_, Infallible>(response(answer))
        }
    });
    Client::new(service, "default")
}

fn response(answer: Result<Value, u16>) -> Response<Body> {
    let (code, body) = match answer {
        Ok(object) => (200, object),
        Err(code) => {
            let reason = if code == 404 { "NotFound" } else { "" };
            let status = json!({
                "kind": "Status", "status": "Failure", "code": code, "message": "not today",
                "reason": reason,
            });
            (code, status)
        }
    };
    let body = serde_json::to_vec(&body).unwrap();
    Response::builder()
        .status(code)
        .body(Body::from(body))
        .unwrap()
}
