//! A TCP proxy that breaks connections in the middle of what the client sends.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

/// Forwards to one address until its allowance of bytes is used up.
pub struct CuttingProxy {
    address: String,
    /// Bytes that may still pass from clients; below zero every connection is cut.
    allowance: Arc<AtomicI64>,
}

impl CuttingProxy {
    pub fn start(target: &str, allowance: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let allowance = Arc::new(AtomicI64::new(allowance));
        let (target, shared) = (target.to_owned(), allowance.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&target) else {
                    continue;
                };
                let (target, allowance) = (server, shared.clone());
                thread::spawn(move || relay(client, target, &allowance));
            }
        });
        Self { address, allowance }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on everything passes.
    pub fn heal(&self) {
        self.allowance.store(i64::MAX, Ordering::SeqCst);
    }
}

fn relay(client: TcpStream, server: TcpStream, allowance: &AtomicI64) {
    let (mut from, mut to) = (server.try_clone(), client.try_clone());
    let back = thread::spawn(move || {
        if let (Ok(from), Ok(to)) = (&mut from, &mut to) {
            let _ = std::io::copy(from, to);
            let _ = to.shutdown(Shutdown::Write);
        }
    });
    let mut buffer = [0; 16 << 10];
    let (mut reader, mut writer) = (&client, &server);
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        let left = allowance.fetch_sub(read as i64, Ordering::SeqCst);
        if left < read as i64 || writer.write_all(&buffer[..read]).is_err() {
            let _ = client.shutdown(Shutdown::Both);
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = back.join();
}
