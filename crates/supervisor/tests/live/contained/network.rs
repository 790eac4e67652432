//! A network of nothing but loopback, and the door into it.

use super::*;
use plimsoll_stdx::net::{frame, unix};
use plimsoll_supervisor::IsolationClass;
use plimsoll_supervisor::order::Door;
use plimsoll_supervisor::protocol::{Request, Response};

#[tokio::test]
async fn a_port_of_another_replica_is_out_of_reach_and_both_may_have_the_same() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    for id in ["web-1", "web-2"] {
        let mut order = contained(id, &["serve"]);
        with_port(&mut order);
        order.ports.get_mut("http").unwrap().number = Some(2000);
        let status = ready(&supervisor, order).await;
        assert!(answer_at(&status.ports["http"]).await.is_ok());
    }
    let mut visitor = contained("visitor", &["knock", "2000"]);
    visitor.kind = Kind::Job;
    let exit = supervisor.run_job(visitor, SOON).await.unwrap();
    assert_eq!(exit.output[0].text, "opened false");
    assert!(std::net::TcpStream::connect(("127.0.0.1", 2000)).is_err());
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn connections_come_through_the_door_also_after_adoption_and_nothing_else_does() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let doors = env.dir.path().join("doors");
    std::fs::create_dir(&doors).unwrap();
    let mut order = contained("web-1", &["serve"]);
    with_port(&mut order);
    order.door = Some(Door {
        dir: doors.clone(),
        uid: 2_100_001_003,
        relays: None,
    });
    let (supervisor, _) = env.open().await;
    let before = ready(&supervisor, order).await;
    let address = before.ports["http"].clone();
    let Address::Shim { socket, .. } = &address else {
        panic!("{address:?}");
    };
    assert_eq!(
        socket,
        &doors.join(format!("web-1-{}.sock", before.generation))
    );
    assert!(answer_at(&address).await.is_ok());
    let closed = dial::connect(socket, 1).await.unwrap_err();
    assert!(closed.to_string().contains("this door leads"), "{closed}");
    let name = socket.file_name().unwrap().to_str().unwrap();
    let mut stream = unix::connect(&doors, name).unwrap();
    let kill = Request::Signal { signal: 9 };
    frame::write(&mut stream, &kill).unwrap();
    let answer: Response = frame::read(&mut stream).unwrap();
    assert!(matches!(answer, Response::Refused { .. }));
    supervisor.close().await.unwrap();
    let (supervisor, report) = env.open().await;
    assert!(report[0].alive && report[0].killed.is_none(), "{report:?}");
    let after = supervisor.status_of("web-1").await.unwrap();
    assert_eq!((after.pid, &after.ports["http"]), (before.pid, &address));
    assert_eq!(after.class, Some(IsolationClass::Contained));
    assert!(after.group.is_some());
    assert!(answer_at(&address).await.is_ok());
    supervisor.stop_all().await.unwrap();
    assert_eq!(std::fs::read_dir(&doors).unwrap().count(), 0);
}
