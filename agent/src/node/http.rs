//! /livez, /readyz and /metrics.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use super::health::Health;
use super::metrics::Probe;

/// What is served.
pub struct Served {
    /// Whether the agent does its work.
    pub health: Arc<Health>,
    /// Its tracers, once they are there.
    pub probe: Arc<Probe>,
    /// The metrics.
    pub registry: Registry,
}

/// Serves as long as the agent lives. Gives the address, whose port may have been left open.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(address: SocketAddr, served: Served) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen at {address} (--address)"))?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(served));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            let cause = &error as &dyn std::error::Error;
            tracing::error!(error = cause, "health and metrics are not served any more");
        }
    });
    Ok(address)
}

async fn livez(State(served): State<Arc<Served>>) -> Response {
    let ring = served.probe.ring_age();
    answer(served.health.stuck(ring))
}

async fn readyz(State(served): State<Arc<Served>>) -> Response {
    let awaited = served.health.awaited();
    match awaited {
        Some(what) => {
            let text = format!("waiting for {what}\n");
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
        None => answer(served.health.stuck(served.probe.ring_age())),
    }
}

fn answer(trouble: Option<&str>) -> Response {
    match trouble {
        None => "ok\n".into_response(),
        Some(what) => (StatusCode::SERVICE_UNAVAILABLE, format!("{what}\n")).into_response(),
    }
}

async fn metrics(State(served): State<Arc<Served>>) -> Response {
    let mut body = String::new();
    if text::encode(&mut body, &served.registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, form)], body).into_response()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use traceherd_crds::TraceKind;

    use super::super::metrics;
    use super::*;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn it_lives_before_it_is_ready_and_tells_its_numbers() {
        let (health, probe) = (Arc::new(Health::default()), Arc::new(Probe::default()));
        let served = Served {
            health: health.clone(),
            probe: probe.clone(),
            registry: metrics::registry(Arc::default(), probe),
        };
        let address = serve(([127, 0, 0, 1], 0).into(), served).await.unwrap();
        assert!(get(address, "/livez").await.starts_with("HTTP/1.1 200"));
        let waiting = get(address, "/readyz").await;
        assert!(waiting.starts_with("HTTP/1.1 503"), "{waiting}");
        assert!(waiting.ends_with("waiting for the eBPF programs and the containers\n"));
        health.loaded();
        health.pods_listed();
        health.listed(TraceKind::Trace);
        health.listed(TraceKind::ClusterTrace);
        health.begun();
        assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        let page = get(address, "/metrics").await;
        assert!(page.contains("application/openmetrics-text"), "{page}");
        assert!(page.ends_with("# EOF\n"), "{page}");
        assert!(get(address, "/").await.starts_with("HTTP/1.1 404"));

        let taken = Served {
            health: Arc::default(),
            probe: Arc::default(),
            registry: metrics::registry(Arc::default(), Arc::default()),
        };
        let error = serve(address, taken).await.unwrap_err();
        assert!(error.to_string().contains("--address"), "{error}");
    }
}
