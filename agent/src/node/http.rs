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

/// Serves until it is dropped.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(address: SocketAddr, served: Served) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen at {address} (--address)"))?;
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
    Ok(())
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
