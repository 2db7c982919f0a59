//! Health, readiness and metrics.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::{Metrics, Present};
use crate::watch::Synced;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves for ever.
pub async fn serve(
    address: SocketAddr,
    synced: Arc<Synced>,
    metrics: Arc<Metrics>,
    present: impl Fn() -> Present + Clone + Send + Sync + 'static,
) -> anyhow::Result<()> {
    let ready = async move || match synced.missing() {
        missing if missing.is_empty() => (StatusCode::OK, "ok".to_owned()),
        missing => {
            let waiting = format!("not seen yet: {}", missing.join(", "));
            (StatusCode::SERVICE_UNAVAILABLE, waiting)
        }
    };
    let text = async move || {
        let text = metrics.text(&present());
        ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response()
    };
    let router = Router::new()
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(ready))
        .route("/metrics", get(text));
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("listening on {address} (--address)"))?;
    axum::serve(listener, router)
        .await
        .context("serving health and metrics")
}
