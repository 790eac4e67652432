//! What each command does. Data goes to standard output, everything else to standard error.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use recon_api::app::App;
use recon_api::cli::Command;
use recon_api::schema::SCHEMA;
use recon_api::settings::Settings;
use recon_api::{figures, routes, seed, work};
use recon_core::synth;
use systems_kit::config::{EXIT_CONFIG, Reader};
use systems_kit::log::{self, Sink};
use systems_kit::serve::{self, Listeners};

/// Between tries of the warm-up while the database or Redis is not there yet.
const WARM_UP_RETRY: Duration = Duration::from_millis(200);

/// A probe waits this long; so does ours.
const HEALTH_DEADLINE: Duration = Duration::from_secs(2);

/// An answer of a probe is a few hundred bytes.
const HEALTH_ANSWER: u64 = 64 * 1024;

/// Tells a person that something is wrong.
#[expect(clippy::print_stderr, reason = "this is the printer of the binary")]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}

#[expect(clippy::print_stdout, reason = "this is the printer of the binary")]
fn print(text: &str) {
    println!("{text}");
}

/// Runs a command to its exit code: 78 for settings, 64 for usage, 1 for everything else.
pub(crate) fn run(command: Command) -> ExitCode {
    match command {
        Command::Version => {
            print(concat!("recon ", env!("CARGO_PKG_VERSION")));
            return ExitCode::SUCCESS;
        }
        Command::Health => return health(),
        Command::Gen(arguments) => return finish(generate(&arguments)),
        Command::Serve
        | Command::CheckConfig
        | Command::MigrateUp
        | Command::MigrateDown
        | Command::MigrateStatus
        | Command::Seed => {}
    }
    let settings = match Settings::read(Reader::from_process()) {
        Ok(settings) => settings,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    if command == Command::CheckConfig {
        print("the configuration is valid");
        return ExitCode::SUCCESS;
    }
    let sink = if command == Command::Serve {
        Sink::Stdout
    } else {
        Sink::Stderr
    };
    if let Err(why) = log::start(&settings.platform.log, sink) {
        complain(&why);
        return ExitCode::from(EXIT_CONFIG);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return finish(Err(error.to_string())),
    };
    finish(runtime.block_on(with_app(command, settings)))
}

fn finish(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            complain(&format!("recon: {why}"));
            ExitCode::FAILURE
        }
    }
}

async fn with_app(command: Command, settings: Settings) -> Result<(), String> {
    let app = App::try_new(settings).map_err(|error| systems_kit::problem::chain(&error))?;
    let migration = |error: sqlx::migrate::MigrateError| systems_kit::problem::chain(&error);
    match command {
        Command::MigrateUp => SCHEMA.up(app.pool()).await.map_err(migration),
        Command::MigrateDown => SCHEMA.down(app.pool()).await.map_err(migration),
        Command::MigrateStatus => {
            let status = SCHEMA.status(app.pool()).await.map_err(migration)?;
            print(&serde_json::json!(status).to_string());
            Ok(())
        }
        Command::Seed => {
            let logins = seed::development(&app)
                .await
                .map_err(|problem| problem.detail)?;
            print(&logins.to_string());
            Ok(())
        }
        Command::Serve => serve_app(app).await,
        Command::CheckConfig | Command::Gen(_) | Command::Health | Command::Version => Ok(()),
    }
}

async fn serve_app(app: App) -> Result<(), String> {
    let platform = app.settings().platform.clone();
    let listeners = Listeners::bind(&platform)
        .await
        .map_err(|error| error.to_string())?;
    let address = listeners.api_address().map_err(|error| error.to_string())?;
    let router = routes::router(app.clone()).map_err(|error| error.to_string())?;
    let metrics = listeners
        .metrics_address()
        .map_or_else(|| "off".to_owned(), |address| address.to_string());
    tracing::info!(%address, metrics, build = platform.build, "listening");
    let (stopper, stop) = serve::stop_pair();
    let warm_up = tokio::spawn(warm_up(app.clone(), stop.clone()));
    // Ends when the stop is set; it holds nothing that must be closed.
    let _keeper = tokio::spawn(figures::keep(app.clone(), stop.clone()));
    let worker = tokio::spawn(work::take_jobs(app.clone(), stop));
    let drain = (platform.drain_delay, stopper);
    let served = serve::run(listeners, router, app.health(), app.metrics(), drain).await;
    warm_up.abort();
    // Ends by itself within a second; a panic in it has been logged.
    let _ended = worker.await;
    app.pool().close().await;
    served.map_err(|error| error.to_string())
}

/// Opens a connection to each need, makes sure of the basics and asks one question of each, so that the first
/// request finds
/// everything open. Waits for what is not there yet.
async fn warm_up(app: App, stop: serve::Stop) {
    while !stop.is_set() {
        let parts = app.health().failing().await;
        let missing = parts.iter().find(|failing| failing.part != "warm_up");
        match missing {
            Some(failing) => {
                tracing::debug!(part = failing.part, detail = failing.detail, "waiting");
            }
            None => match seed::ensure_basics(&app).await {
                Ok(()) => {
                    app.health().set_warm();
                    tracing::info!("warm");
                    return;
                }
                Err(error) => tracing::warn!(%error, "warm-up"),
            },
        }
        tokio::time::sleep(WARM_UP_RETRY).await;
    }
}

/// Asks the replica on this machine whether it is ready.
fn health() -> ExitCode {
    let port = std::env::var("PORT")
        .ok()
        .and_then(|port| port.parse().ok())
        .unwrap_or(2000);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match ask(address) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => ExitCode::SUCCESS,
        Ok(answer) => {
            complain(answer.rsplit("\r\n").next().unwrap_or_default());
            ExitCode::FAILURE
        }
        Err(error) => {
            complain(&format!("recon: {address} does not answer: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, HEALTH_DEADLINE)?;
    stream.set_read_timeout(Some(HEALTH_DEADLINE))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(HEALTH_ANSWER).read_to_string(&mut answer)?;
    Ok(answer)
}

type Write<'a> = &'a dyn Fn(&mut std::io::BufWriter<std::fs::File>) -> std::io::Result<()>;

/// `gen --rows N --seed S --out DIR`: `left.csv`, `right.csv`, `truth.csv`.
fn generate(arguments: &[String]) -> Result<(), String> {
    let (mut rows, mut seed, mut out) = (None, 1, None);
    for pair in arguments.chunks(2) {
        let [name, value] = pair else {
            return Err(format!("{} needs a value", pair[0]));
        };
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{name} is not a number"))
        };
        match name.as_str() {
            "--rows" => rows = Some(u32::try_from(number()?).map_err(|_| "too many rows")?),
            "--seed" => seed = number()?,
            "--out" => out = Some(PathBuf::from(value)),
            _ => return Err(format!("{name} is not understood; --rows, --seed, --out")),
        }
    }
    let rows = rows.ok_or("--rows is missing")?;
    let out = out.ok_or("--out is missing")?;
    std::fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let data = synth::generate(&synth::Config::new(rows, seed));
    let files: [(&str, Write<'_>); 3] = [
        ("left.csv", &|file| data.write_left(file)),
        ("right.csv", &|file| data.write_right(file)),
        ("truth.csv", &|file| data.write_truth(file)),
    ];
    for (name, write) in files {
        let path = out.join(name);
        let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).map_err(wrong)?);
        write(&mut file)
            .and_then(|()| file.flush())
            .map_err(wrong)?;
    }
    Ok(())
}
