//! One HTTP/1.1 connection a phone, driven by the task that uses it.

use crate::Result;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::pin::Pin;
use tokio::net::TcpStream;

/// Where the server listens.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    authority: String,
    host: HeaderValue,
}

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let authority = url
            .strip_prefix("http://")
            .ok_or_else(|| format!("--url {url}: only http:// is driven"))?
            .trim_end_matches('/')
            .to_owned();
        let host = HeaderValue::from_str(&authority)?;
        Ok(Self { authority, host })
    }

    /// The port, by which the server's process is found.
    pub(crate) fn port(&self) -> Result<u16> {
        match self.authority.rsplit_once(':') {
            Some((_, port)) => Ok(port.parse()?),
            None => Ok(80),
        }
    }
}

/// An answer read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body of a success; anything else is an error that quotes the beginning of the answer.
    pub(crate) fn success(self, what: &str) -> Result<Bytes> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let beginning = &self.body[..self.body.len().min(400)];
        Err(format!(
            "{what}: {} {}",
            self.status,
            String::from_utf8_lossy(beginning)
        )
        .into())
    }
}

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A kept connection.
pub(crate) struct Connection {
    target: Target,
    sender: SendRequest<Full<Bytes>>,
    // Polled together with each exchange rather than in a task of its own: no wake-up between threads.
    driver: Driver,
    authorization: Option<HeaderValue>,
}

impl Connection {
    pub(crate) async fn open(target: &Target) -> Result<Self> {
        let (sender, driver) = dial(target).await?;
        Ok(Self {
            target: target.clone(),
            sender,
            driver,
            authorization: None,
        })
    }

    /// A new connection in place of this one, which the server may have closed while nobody used it.
    pub(crate) async fn reopen(&mut self) -> Result<()> {
        (self.sender, self.driver) = dial(&self.target).await?;
        Ok(())
    }

    /// Sends this bearer token from now on.
    pub(crate) fn authorize(&mut self, token: &str) -> Result<()> {
        self.authorization = Some(HeaderValue::from_str(&format!("Bearer {token}"))?);
        Ok(())
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer> {
        self.exchange(Method::GET, path, Bytes::new()).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Bytes) -> Result<Answer> {
        self.exchange(Method::POST, path, body).await
    }

    async fn exchange(&mut self, method: Method, path: &str, body: Bytes) -> Result<Answer> {
        let mut request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header(HOST, &self.target.host)
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(body))?;
        let sender = &mut self.sender;
        let exchange = async {
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>(Answer { status, body })
        };
        tokio::select! {
            biased;
            answer = exchange => Ok(answer?),
            ended = &mut self.driver => match ended {
                Ok(()) => Err("the server closed the connection".into()),
                Err(error) => Err(error.into()),
            },
        }
    }
}

async fn dial(target: &Target) -> Result<(SendRequest<Full<Bytes>>, Driver)> {
    let stream = TcpStream::connect(&target.authority)
        .await
        .map_err(|error| format!("cannot reach {}: {error}", target.authority))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    Ok((sender, Box::pin(connection)))
}
