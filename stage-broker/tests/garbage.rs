//! Frames that are none: the connection ends, the broker does not.

use stage_broker::{Broker, Config};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Numbers that are the same every time.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// Sends a frame; whether there was an answer.
fn send(broker: &Broker, key: i16, version: i16, body: &[u8]) -> bool {
    let mut socket = TcpStream::connect(broker.address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut frame = ((body.len() + 11) as u32).to_be_bytes().to_vec();
    frame.extend(key.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend([0, 0, 0, 1, 0, 1, b'x']);
    frame.extend(body);
    socket.write_all(&frame).unwrap();
    matches!(socket.read(&mut [0; 1024]), Ok(1..))
}

#[test]
fn garbage_in_every_api_and_version_ends_no_broker() {
    let broker = Broker::start_blocking(Config::memory()).unwrap();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    // Lengths that promise much, and nothing after them.
    let promises: &[&[u8]] = &[
        &[0x7f; 40],
        &[0xff; 40],
        &[0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff],
        &[0, 0, 0x7f, 0xff, 0xff, 0xff],
    ];
    for key in -1..93 {
        for version in 0..19 {
            let few = [0, 0, 0, 1, 2, 127, 255];
            let length = dice.next(60) as usize;
            let dirt: Vec<u8> = (0..length).map(|_| few[dice.next(7) as usize]).collect();
            for body in promises.iter().chain([&&dirt[..]]) {
                send(&broker, key, version, body);
            }
        }
    }
    for frame in [&[0xff; 8][..], &[0x7f; 8], &[0, 0, 0, 0], &[0, 0, 0, 3, 0, 0, 0]] {
        TcpStream::connect(broker.address()).unwrap().write_all(frame).unwrap();
    }
    assert!(send(&broker, 18, 0, &[]), "the broker no longer answers");
}
