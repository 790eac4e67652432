//! The process as its keeper starts it: sockets over a Unix socket, documents from disk, an end on request.

mod support;

use std::net::TcpListener;

use plimsoll_gateway::control::{Client, Hello};
use plimsoll_stdx::net::handover::{self, Ask, Sockets};
use plimsoll_stdx::net::{frame, unix};
use support::backend::Backend;
use support::documents::{endpoints, route, table};
use support::eventually;
use support::http1::get;

#[test]
fn the_keepers_sockets_are_served_by_one_gateway_after_the_other() {
    let state = tempfile::tempdir().unwrap();
    let (keeper, dir) = (state.path().join("keeper"), state.path().join("gateway"));
    plimsoll_stdx::fs::create_dir_private(&keeper).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let scrapes = TcpListener::bind("127.0.0.1:0").unwrap();
    let metrics = scrapes.local_addr().unwrap();
    let socket = unix::bind(&keeper, "keeper.sock").unwrap();
    std::thread::spawn(move || {
        let group = |name: &str, listener| Sockets {
            name: name.to_owned(),
            listeners: vec![listener],
        };
        let groups = [group("http", listener), group("metrics", scrapes)];
        while let Ok((mut stream, _)) = socket.accept() {
            if frame::read::<Ask>(&mut stream).is_ok() {
                let _ = handover::answer(&mut stream, &groups);
            }
        }
    });
    let backend = Backend::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for round in 1..=2 {
        let folder = dir.clone();
        let gateway = std::thread::spawn(move || plimsoll_gateway::run(&folder));
        let mut client = None;
        eventually("the control socket answers", || {
            client = runtime
                .block_on(Client::connect(&dir, Hello::new("test", 1)))
                .ok();
            client.is_some()
        });
        let mut client = client.unwrap();
        if round == 1 {
            let (table, endpoints) = (
                table(vec![route("api", "/", "api")]),
                endpoints(1, "api", &[backend.address]),
            );
            runtime.block_on(client.put_endpoints(&endpoints)).unwrap();
            runtime.block_on(client.put_table(1, &table)).unwrap();
        }
        // The second one knows its documents from disk.
        eventually("it serves", || get(address, "/").status == 200);
        let answer = get(metrics, "/metrics");
        assert!(
            answer
                .text()
                .contains("plimsoll_gateway_requests_total{route=\"api\"")
        );
        runtime.block_on(client.shutdown()).unwrap();
        assert!(gateway.join().unwrap().is_ok());
    }
}
