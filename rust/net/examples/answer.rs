//! The peer of `make bench`: answers every request with the same small answer, as fast as it can.
//!
//! A thread a connection, blocking, nothing parsed but the end of the head and the length. It prints
//! the port that it listens on.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
    x-amzn-RequestId: 5a6e0c7e-1f2b-4c3d-8e9f-0a1b2c3d4e5f\r\n\
    x-Amzn-Invoked-Production-Variant: AllTraffic\r\n\
    Content-Type: application/json\r\n\
    Date: Mon, 23 Nov 2026 12:00:00 GMT\r\n\
    Content-Length: 27\r\n\
    \r\n\
    {\"predictions\": [0.1, 0.9]}";

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut out = io::stdout();
    writeln!(out, "{}", listener.local_addr()?.port())?;
    out.flush()?;
    for connection in listener.incoming().flatten() {
        std::thread::spawn(move || answer(connection));
    }
    Ok(())
}

fn answer(mut connection: TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut arrived = vec![0; 1 << 16];
    let mut filled = 0;
    loop {
        let count = connection.read(&mut arrived[filled..])?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        if let Some(whole) = request_length(&arrived[..filled])
            && filled >= whole
        {
            connection.write_all(ANSWER)?;
            arrived.copy_within(whole..filled, 0);
            filled -= whole;
        }
    }
}

/// The length of the first request, once its head has arrived.
fn request_length(arrived: &[u8]) -> Option<usize> {
    let head = memchr::memmem::find(arrived, b"\r\n\r\n")? + 4;
    let lines = arrived[..head].split(|byte| *byte == b'\n');
    let length = lines
        .filter_map(|line| std::str::from_utf8(line).ok()?.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    Some(head + length.unwrap_or(0))
}
