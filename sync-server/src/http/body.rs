//! Request bodies: read up to a limit, decompressed up to another, so that no body costs more than it may.

use super::media::{self, Format};
use crate::problem::{Code, Problem};
use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::BodyExt;
use std::io::Read;

/// What a body may cost.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Bytes as they arrive.
    pub wire: usize,
    /// Bytes once decompressed.
    pub decoded: usize,
    /// Depth of nesting.
    pub depth: usize,
}

/// How much of a body that is too large is still read, so that its sender gets to see the answer rather
/// than a closed connection.
const DRAIN_FACTOR: usize = 8;

/// The largest zstd window, as a power of two: 8 MiB, what the format asks every decoder to bear.
const ZSTD_WINDOW_LOG: u32 = 23;

#[derive(Clone, Copy)]
enum Coding {
    Identity,
    Gzip,
    Zstd,
}

/// The body and its format.
///
/// # Errors
/// 415 for another type or encoding, 413 past a limit, 400 for bytes that are not what they say.
pub(crate) async fn read(
    request: Request<Body>,
    limits: &BodyLimits,
) -> Result<(Bytes, Format), Problem> {
    let format = media::of_body(request.headers());
    let coding = coding(request.headers());
    let body = collect(request.into_body(), limits.wire).await?;
    let decoded = match coding? {
        Coding::Identity => body,
        Coding::Gzip => {
            let decoder = flate2::bufread::MultiGzDecoder::new(&body[..]);
            inflate(decoder, &body, limits.decoded, "gzip")?
        }
        Coding::Zstd => {
            let decoder = zstd::Decoder::with_buffer(&body[..])
                .and_then(|mut decoder| {
                    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                    Ok(decoder)
                })
                .map_err(|_| broken("zstd"))?;
            inflate(decoder, &body, limits.decoded, "zstd")?
        }
    };
    if decoded.len() > limits.decoded {
        return Err(too_large("decoded", limits.decoded));
    }
    Ok((decoded, format?))
}

/// The bytes of a body that comes neither compressed nor as JSON or MessagePack.
///
/// # Errors
/// 413 past the limit.
pub(crate) async fn read_plain(
    request: Request<Body>,
    limits: &BodyLimits,
) -> Result<Bytes, Problem> {
    collect(request.into_body(), limits.wire).await
}

/// The one encoding of a body; a chain of several has no use and is refused.
fn coding(headers: &HeaderMap) -> Result<Coding, Problem> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let coding = match (values.next(), values.next()) {
        (None, _) => return Ok(Coding::Identity),
        (Some(one), None) => one.to_str().unwrap_or_default().trim(),
        _ => "",
    };
    match coding.to_ascii_lowercase().as_str() {
        "identity" => Ok(Coding::Identity),
        "gzip" | "x-gzip" => Ok(Coding::Gzip),
        "zstd" => Ok(Coding::Zstd),
        _ => Err(Problem::new(
            Code::UnsupportedMediaType,
            "the body's `Content-Encoding` must be `gzip` or `zstd`, or absent",
        )
        .with_header(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"))),
    }
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        drain(body, limit).await;
        return Err(too_large("on the wire", limit));
    }
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(Code::MalformedBody, "the body ended before its end").because(error)
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let so_far = if whole.is_empty() {
            first.len()
        } else {
            whole.len()
        };
        if so_far + data.len() > limit {
            drop((first, whole));
            drain(body, limit).await;
            return Err(too_large("on the wire", limit));
        }
        // Most bodies arrive in one piece, and that piece is then used as it is.
        if so_far == 0 {
            first = data;
            continue;
        }
        if whole.is_empty() {
            let expected = usize::try_from(announced).unwrap_or(0);
            whole.reserve(expected.max(so_far + data.len()));
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() {
        first
    } else {
        whole.freeze()
    })
}

async fn drain(mut body: Body, limit: usize) {
    let mut left = limit.saturating_mul(DRAIN_FACTOR);
    while let Some(Ok(frame)) = body.frame().await {
        let read = frame.data_ref().map_or(0, Bytes::len);
        if read >= left {
            return;
        }
        left -= read;
    }
}

fn inflate(
    decoder: impl Read,
    body: &Bytes,
    limit: usize,
    name: &'static str,
) -> Result<Bytes, Problem> {
    let mut text = Vec::with_capacity(body.len().saturating_mul(4).min(limit));
    decoder
        .take(limit as u64 + 1)
        .read_to_end(&mut text)
        .map_err(|_| broken(name))?;
    Ok(text.into())
}

fn broken(name: &str) -> Problem {
    Problem::new(
        Code::MalformedBody,
        format!("the body is not whole, or not `{name}` as its `Content-Encoding` says"),
    )
}

fn too_large(where_: &str, limit: usize) -> Problem {
    Problem::new(
        Code::BodyTooLarge,
        format!("the body is larger than {limit} bytes {where_}; send less at once"),
    )
}

/// Refuses JSON nested deeper than `limit`, before any parser sees it. Brackets inside of strings do not
/// count; bytes that are no JSON are the parser's business.
pub(crate) fn check_depth(json: &[u8], limit: usize) -> Result<(), Problem> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return Err(Problem::new(
                Code::MalformedBody,
                format!("the body is nested deeper than {limit} levels"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const LIMITS: BodyLimits = BodyLimits {
        wire: 1_000,
        decoded: 4_000,
        depth: 4,
    };

    async fn send(encoding: &str, body: Vec<u8>) -> Result<Bytes, &'static str> {
        let request = Request::builder()
            .header("content-type", "application/json")
            .header("content-encoding", encoding)
            .body(Body::from(body))
            .unwrap();
        let read = read(request, &LIMITS).await;
        read.map(|(body, _)| body).map_err(|problem| problem.code())
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        zstd::encode_all(text, 3).unwrap()
    }

    #[tokio::test]
    async fn compressed_bodies_are_read() {
        assert_eq!(send("gzip", gzip(b"{}")).await.unwrap(), "{}");
        assert_eq!(send("ZSTD", zstd(b"{}")).await.unwrap(), "{}");
        assert_eq!(send("identity", b"{}".to_vec()).await.unwrap(), "{}");
    }

    #[tokio::test]
    async fn a_bomb_stops_at_the_limit() {
        let zeros = vec![b'0'; 4_001];
        assert_eq!(send("gzip", gzip(&zeros)).await, Err("body_too_large"));
        assert_eq!(send("zstd", zstd(&zeros)).await, Err("body_too_large"));
        assert_eq!(send("gzip", gzip(&zeros[1..])).await.unwrap().len(), 4_000);
        let million = vec![b'0'; 10_000_000];
        assert_eq!(send("zstd", zstd(&million)).await, Err("body_too_large"));
    }

    #[tokio::test]
    async fn the_wire_has_a_limit_of_its_own() {
        assert_eq!(
            send("identity", vec![b'0'; 1_001]).await,
            Err("body_too_large")
        );
        assert_eq!(
            send("identity", vec![b'0'; 1_000]).await.unwrap().len(),
            1_000
        );
        let pieces = (0..11).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b'0'; 100])));
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        assert_eq!(
            collect(body, 1_000).await.unwrap_err().code(),
            "body_too_large"
        );
        let pieces = (0..3_u8).map(|n| Ok::<_, std::io::Error>(Bytes::from(vec![n; 2])));
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        assert_eq!(collect(body, 1_000).await.unwrap()[..], [0, 0, 1, 1, 2, 2]);
    }

    #[tokio::test]
    async fn broken_or_unknown_encodings_are_refused() {
        let mut cut = gzip(b"{\"a\": 1}");
        cut.truncate(cut.len() - 4);
        assert_eq!(send("gzip", cut).await, Err("malformed_body"));
        let mut cut = zstd(&[b'x'; 500]);
        cut.truncate(cut.len() - 1);
        assert_eq!(send("zstd", cut).await, Err("malformed_body"));
        assert_eq!(send("gzip", b"{}".to_vec()).await, Err("malformed_body"));
        assert_eq!(send("zstd", b"{}".to_vec()).await, Err("malformed_body"));
        assert_eq!(
            send("br", b"{}".to_vec()).await,
            Err("unsupported_media_type")
        );
        assert_eq!(
            send("gzip, gzip", gzip(b"{}")).await,
            Err("unsupported_media_type")
        );
    }

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        assert!(check_depth(br#"[[[["[[[[\"[[["]]]]"#, 4).is_ok());
        assert!(check_depth(b"[[[[[", 4).is_err());
        assert!(check_depth(b"{}{}{}{}{}{}", 4).is_ok());
    }
}
