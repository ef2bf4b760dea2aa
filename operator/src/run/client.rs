//! The client of the API server. It counts writes, so the metrics show that a converged cluster
//! causes none.

use hyper::{Method, Request};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tower::util::MapRequestLayer;

use super::metrics::Metrics;
use crate::text;

/// A client for the Kubernetes cluster that this process runs in, or that the kubeconfig names.
///
/// # Errors When there is neither, or the settings are invalid.
pub async fn client(metrics: Metrics) -> Result<Client, String> {
    let failed = |error: &dyn std::error::Error| {
        let error = text::line(&error.to_string());
        format!("no API server: {error}")
    };
    let config = Config::infer().await.map_err(|error| failed(&error))?;
    let builder = ClientBuilder::try_from(config).map_err(|error| failed(&error))?;
    let count = MapRequestLayer::new(move |request: Request<Body>| {
        if let Some((verb, resource)) = write(request.method(), request.uri().path()) {
            metrics.wrote(verb, &resource);
        }
        request
    });
    Ok(builder.with_layer(&count).build())
}

/// What a request writes, if it is a write: the Kubernetes verb, and the resource with its
/// subresource.
fn write(method: &Method, path: &str) -> Option<(&'static str, String)> {
    let verb = match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => return None,
    };
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    // `/api/VERSION` for the core group, `/apis/GROUP/VERSION` for the others.
    if parts.next() != Some("api") {
        parts.next();
    }
    parts.next();
    let rest: Vec<&str> = parts.collect();
    let named = match rest[..] {
        ["namespaces", _, ref named @ ..] if !named.is_empty() => named,
        _ => &rest[..],
    };
    Some(match named {
        [resource, _, sub, ..] => (verb, format!("{resource}/{sub}")),
        [resource, ..] => (verb, (*resource).to_owned()),
        [] => (verb, "unknown".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_told_by_verb_and_resource() {
        let of = |method: Method, path: &str| {
            let (verb, resource) = write(&method, path).unwrap();
            format!("{verb} {resource}")
        };
        let status = "/apis/slotkeeper.dev/v1alpha1/namespaces/a/redisclusters/demo/status";
        assert_eq!(of(Method::PATCH, status), "patch redisclusters/status");
        let lease = "/apis/coordination.k8s.io/v1/namespaces/a/leases/slotkeeper";
        assert_eq!(of(Method::PUT, lease), "update leases");
        let events = "/apis/events.k8s.io/v1/namespaces/a/events";
        assert_eq!(of(Method::POST, events), "create events");
        let pod = "/api/v1/namespaces/a/pods/demo-0-0";
        assert_eq!(of(Method::DELETE, pod), "delete pods");
        assert_eq!(of(Method::POST, "/api/v1/namespaces"), "create namespaces");
        assert_eq!(
            of(Method::PATCH, "/api/v1/namespaces/a"),
            "patch namespaces"
        );
        assert_eq!(of(Method::POST, "/"), "create unknown");
    }

    #[test]
    fn reads_are_none() {
        assert_eq!(write(&Method::GET, "/api/v1/namespaces/a/pods"), None);
    }
}
