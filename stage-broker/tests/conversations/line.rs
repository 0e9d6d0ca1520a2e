//! One connection: requests out, answers in, each checked against its correlation id.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use std::io::{ErrorKind, Read, Write};
use std::marker::PhantomData;
use std::net::TcpStream;
use std::time::Duration;

/// Nothing that is asked here takes longer, not even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Line {
    stream: TcpStream,
    correlation: i32,
}

/// A request under way.
pub(crate) struct Sent<R> {
    correlation: i32,
    version: i16,
    request: PhantomData<R>,
}

impl Line {
    pub(crate) fn open(address: &str) -> Line {
        let stream = TcpStream::connect(address)
            .unwrap_or_else(|why| panic!("no broker at {address}: {why}"));
        stream.set_read_timeout(Some(PATIENCE)).expect("a read time-out");
        stream.set_nodelay(true).expect("no delay");
        Line { stream, correlation: 100 }
    }

    /// Sends and receives.
    pub(crate) fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let sent = self.send(version, request);
        self.answer(sent)
    }

    /// Sends, and leaves the answer for later.
    pub(crate) fn send<R: Request>(&mut self, version: i16, request: &R) -> Sent<R> {
        self.correlation += 1;
        let frame = encoded(version, self.correlation, request);
        self.send_frame(&frame);
        Sent { correlation: self.correlation, version, request: PhantomData }
    }

    /// The answer to the oldest request that has none yet.
    pub(crate) fn answer<R: Request>(&mut self, sent: Sent<R>) -> R::Response {
        let mut frame = self.receive().expect("an answer, not the end of the connection");
        let header = R::Response::header_version(sent.version);
        let header = ResponseHeader::decode(&mut frame, header).expect("a response header");
        assert_eq!(header.correlation_id, sent.correlation, "the answer to another request");
        let answer = R::Response::decode(&mut frame, sent.version).expect("a response");
        assert!(frame.is_empty(), "{} bytes after the answer", frame.len());
        answer
    }

    /// Sends bytes as one frame.
    pub(crate) fn send_frame(&mut self, frame: &[u8]) {
        let mut bytes = BytesMut::with_capacity(4 + frame.len());
        bytes.put_i32(frame.len() as i32);
        bytes.put_slice(frame);
        self.send_bytes(&bytes);
    }

    /// Sends bytes as they are. A connection that is closed meanwhile shows when it is read.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// The next frame; None: the connection was closed.
    pub(crate) fn receive(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        self.fill(&mut length)?;
        let mut frame = vec![0; (&length[..]).get_i32() as usize];
        self.fill(&mut frame)?;
        Some(Bytes::from(frame))
    }

    /// Whether nothing comes for this long.
    pub(crate) fn is_silent(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).expect("a read time-out");
        let waiting = self.stream.peek(&mut [0]);
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a read time-out");
        matches!(waiting, Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Option<()> {
        match self.stream.read_exact(buffer) {
            Ok(()) => Some(()),
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("no answer in {PATIENCE:?}")
            }
            Err(_) => None,
        }
    }
}

/// A request with its header, without its length.
pub(crate) fn encoded<R: Request>(version: i16, correlation: i32, request: &R) -> Bytes {
    let mut frame = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_static_str("conversation")))
        .encode(&mut frame, R::header_version(version))
        .expect("a header");
    request.encode(&mut frame, version).expect("a request of this version");
    frame.freeze()
}
