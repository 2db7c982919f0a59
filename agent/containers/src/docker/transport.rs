//! HTTP to a unix socket, with a limit to what the server may answer.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

/// The largest answer that ends: the list of some ten thousand containers.
const ANSWER_LIMIT: usize = 64 << 20;
/// The largest event, labels included.
const EVENT_LIMIT: usize = 1 << 20;
/// bollard's own timeout in seconds, for an answer's header; the callers' are shorter.
const TIMEOUT: u64 = 30;

/// A client of the docker API at `socket`. Connects anew for each request.
pub(super) fn connect(socket: PathBuf) -> Result<Docker, Error> {
    let send = move |request| send(socket.clone(), request);
    Docker::connect_with_custom_transport(send, Some("http://docker"), TIMEOUT, API_DEFAULT_VERSION)
}

async fn send(socket: PathBuf, request: BollardRequest) -> Result<Response<Incoming>, Error> {
    let (mut parts, body) = request.into_parts();
    let limit = match parts.uri.path() {
        "/events" => Limit::Line(EVENT_LIMIT),
        _ => Limit::Total(ANSWER_LIMIT),
    };
    let slash = || PathAndQuery::from_static("/");
    parts.uri = Uri::from(parts.uri.path_and_query().cloned().unwrap_or_else(slash));
    parts
        .headers
        .insert(HOST, HeaderValue::from_static("docker"));

    let stream = Bounded::connect(&socket, limit).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    // Ends with the response's body, or when the request is given up.
    tokio::spawn(connection);
    let request = BollardRequest::from_parts(parts, body);
    Ok(sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?)
}

#[derive(Copy, Clone, Debug)]
enum Limit {
    /// Of the whole answer.
    Total(usize),
    /// Of what comes between two line ends.
    Line(usize),
}

/// A connection whose reading fails once the server has sent too much.
#[derive(Debug)]
struct Bounded {
    stream: UnixStream,
    limit: Limit,
    counted: usize,
}

impl Bounded {
    async fn connect(socket: &Path, limit: Limit) -> io::Result<Self> {
        Ok(Self {
            stream: UnixStream::connect(socket).await?,
            limit,
            counted: 0,
        })
    }

    fn count(&mut self, bytes: &[u8]) -> io::Result<()> {
        let most = match self.limit {
            Limit::Total(most) => {
                self.counted += bytes.len();
                most
            }
            Limit::Line(most) => {
                match bytes.iter().rposition(|byte| *byte == b'\n') {
                    Some(end) => self.counted = bytes.len() - end - 1,
                    None => self.counted += bytes.len(),
                }
                most
            }
        };
        if self.counted > most {
            let message = format!("an answer of more than {most} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(())
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => Poll::Ready(self.count(&buf.filled()[before..])),
            other => other,
        }
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
