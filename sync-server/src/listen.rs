//! The listening side: connections that may not dawdle, TLS when there is a certificate, and a stop that
//! answers what is being asked.

use axum::Router;
use axum_server::Handle;
use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::TokioTimer;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// Most bytes of a request's headers.
const HEADERS_MAX: usize = 64 << 10;

/// How often an HTTP/2 connection is asked whether it is alive.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Binds an address.
///
/// # Errors
/// When the address is taken or not this machine's.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves a router on a listener until the handle stops it.
///
/// Plain connections speak HTTP/1.1; with TLS the client may choose HTTP/2.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<RustlsConfig>,
    header_timeout: Duration,
    handle: Handle<SocketAddr>,
) -> io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let mut server = axum_server::from_tcp(listener)?.handle(handle);
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEADERS_MAX);
    server
        .http_builder()
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE)
        .max_header_list_size(u32::try_from(HEADERS_MAX).unwrap_or(u32::MAX));
    let prompt = Prompt { header_timeout };
    match tls {
        None => server.http1_only().acceptor(prompt).serve(service).await,
        Some(tls) => {
            let tls = RustlsAcceptor::new(tls)
                .handshake_timeout(header_timeout)
                .acceptor(prompt);
            server.acceptor(tls).serve(service).await
        }
    }
}

/// Accepts connections that send without delay and must say something soon.
#[derive(Debug, Clone, Copy)]
struct Prompt {
    header_timeout: Duration,
}

impl<S> Accept<TcpStream, S> for Prompt {
    type Stream = PromptStream;
    type Service = S;
    type Future = std::future::Ready<io::Result<(PromptStream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let prompt = stream.set_nodelay(true).map(|()| PromptStream {
            stream,
            silence: Some(Box::pin(tokio::time::sleep(self.header_timeout))),
        });
        std::future::ready(prompt.map(|stream| (stream, service)))
    }
}

/// A connection that is closed when its first byte does not come in time. hyper's own timeout begins only
/// where the protocol's version is known.
struct PromptStream {
    stream: TcpStream,
    silence: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for PromptStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if read.is_ready() {
            this.silence = None;
        } else if let Some(silence) = &mut this.silence
            && silence.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for PromptStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
