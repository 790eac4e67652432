//! What a contained service reaches: what its file names.

use std::io::Write;
use std::net::TcpListener;

use plimsoll_bundle::local::{LocalBundle, Over, ProgramSpec, ResourceSpec, ServiceSpec};
use plimsoll_local::{Data, Ending, Outcome};
use plimsoll_supervisor::ProcessRunner;

use crate::project::{FIXTURE, Project, Spec, need, wait};

/// Nothing, with a line that says why, where no service can be contained.
fn project(spec: &Spec) -> Option<Project> {
    if let Err(reason) = &ProcessRunner::new(FIXTURE.into()).capabilities().contained {
        println!("skipped: needs namespaces ({reason})");
        return None;
    }
    Project::new(spec)
}

fn up(project: &Project, spec: &Spec, change: impl Fn(&mut LocalBundle)) -> Outcome {
    let mut request = project.request(spec);
    change(&mut request.bundle);
    project.local.deploy(&request, &mut |_| {}).unwrap()
}

/// Without root there are no limits, and the class says so.
fn ensure_contained(project: &Project) {
    if rustix::process::geteuid().is_root() {
        let process = project.process("api-1");
        assert_eq!(process.isolation, "contained", "{:?}", process.controls);
    }
}

fn api(bundle: &mut LocalBundle) -> &mut ProgramSpec {
    match bundle.services.get_mut("api") {
        Some(ServiceSpec::Program(program)) => program,
        other => panic!("{other:?}"),
    }
}

/// Greets everybody on this machine's loopback.
fn somebody(greeting: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(greeting.as_bytes());
        }
    });
    port
}

#[test]
fn a_client_that_knows_no_unix_sockets_reaches_its_resources_and_the_service_is_contained() {
    let spec = Spec::with_resources();
    let Some(project) = project(&spec) else {
        return;
    };
    let outcome = up(&project, &spec, |bundle| {
        for need in api(bundle).needs.values_mut() {
            need.over = Over::Tcp;
        }
    });
    assert_eq!(outcome.ending, Ending::InForce, "{outcome:?}");
    ensure_contained(&project);
    let address = project.get("/database");
    assert!(
        address.contains("@db:5432/shop?sslmode=disable"),
        "{address}"
    );
    assert_eq!(project.get("/encryption"), "N", "PostgreSQL answers");
    assert_eq!(project.get("/redis"), ":1");
    project.local.down(Data::Keep, &mut |_| {}).unwrap();
    assert_eq!(project.sockets(), Vec::<String>::new());
}

#[test]
fn a_service_reaches_its_egress_its_external_resource_and_another_service_and_nothing_else() {
    let spec = Spec::plain();
    let Some(project) = project(&spec) else {
        return;
    };
    let (pay, mail, other) = (somebody("pay"), somebody("mail"), somebody("other"));
    let with_edges = |release: &str| {
        up(&project, &spec, |bundle| {
            let mut worker = api(bundle).clone();
            worker.env.insert("RELEASE".into(), release.to_owned());
            let resource = ResourceSpec::External {
                scheme: "smtp".into(),
                address: format!("127.0.0.1:{mail}"),
                secret: None,
            };
            bundle.resources.insert("mail".into(), resource);
            let api = api(bundle);
            api.egress = vec![format!("localhost:{pay}"), "203.0.113.9:443".into()];
            api.needs.insert("mail".into(), need("mail", "MAIL_URL"));
            let mut to = need("worker", "WORKER_URL");
            to.port = Some("http".into());
            api.needs.insert("worker".into(), to);
            let worker = ServiceSpec::Program(Box::new(worker));
            bundle.services.insert("worker".into(), worker);
            let gate = bundle.gateway.services["api"].clone();
            bundle.gateway.services.insert("worker".into(), gate);
        })
    };
    let outcome = with_edges("the worker");
    assert_eq!(outcome.ending, Ending::InForce, "{outcome:?}");
    ensure_contained(&project);
    assert_eq!(project.get(&format!("/tcp/localhost/{pay}")), "pay");
    assert_eq!(project.get(&format!("/tcp/127.0.0.1/{mail}")), "mail");
    assert_eq!(
        project.get(&format!("/tcp/127.0.0.1/{other}")),
        "ConnectionRefused"
    );
    assert_eq!(project.get("/tcp/203.0.113.8/443"), "NetworkUnreachable");
    // Both services listen on the same port of their own.
    assert_eq!(project.get("/worker"), "the worker");

    // Other replicas, behind other doors: the connections of the next moment find them.
    let outcome = with_edges("another worker");
    assert_eq!(outcome.ending, Ending::InForce, "{outcome:?}");
    wait("the new worker", || {
        project.get("/worker") == "another worker"
    });
    project.local.down(Data::Keep, &mut |_| {}).unwrap();
    assert_eq!(project.sockets(), Vec::<String>::new());
}
