//! What was typed. Nothing here looks at the machine.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use plimsoll_model::app::Strategy;
use plimsoll_model::units::Bytes;

use crate::help;

/// Takes an app from one file to production and proves by measurement that it is fit to be there.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, after_help = help::PLIMSOLL, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Folder of the app, where plimsoll.toml is.
    #[arg(
        long,
        short = 'C',
        global = true,
        value_name = "DIR",
        default_value = "."
    )]
    pub(crate) project: PathBuf,
    /// How results are written to standard output.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Whether to use colour; `auto` does on a terminal, unless `NO_COLOR` is set.
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// For programs: one document, stable.
    Json,
}

/// Whether to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a commented plimsoll.toml for the code in a folder. Never overwrites.
    #[command(after_help = help::INIT)]
    Init(InitArgs),
    /// Build the services into images, and print their digests and sizes.
    #[command(after_help = help::BUILD)]
    Build(BuildArgs),
    /// Look into images.
    #[command(subcommand, after_help = help::IMAGE)]
    Image(ImageCommand),
    /// Build and run the app on this machine, behind the gateway.
    #[command(after_help = help::UP)]
    Up(UpArgs),
    /// Bring a new release into force while clients are served, and count what they noticed.
    #[command(after_help = help::DEPLOY)]
    Deploy(DeployArgs),
    /// Bring an earlier release back: images, settings and secrets.
    #[command(after_help = help::ROLLBACK)]
    Rollback(RollbackArgs),
    /// Releases that can be brought back, newest first.
    #[command(after_help = help::RELEASES)]
    Releases(EnvironmentArgs),
    /// Delete releases, images and artefacts that no kept release needs.
    #[command(after_help = help::CLEANUP)]
    Cleanup(CleanupArgs),
    /// Who changed what, when, from which release to which.
    #[command(after_help = help::AUDIT)]
    Audit(AuditArgs),
    /// Stop the app on this machine. Data stays, unless --data is given.
    #[command(after_help = help::DOWN)]
    Down(DownArgs),
    /// Every process of the app: state, isolation class, memory, restarts, release; or what a release consists of.
    #[command(after_help = help::STATUS)]
    Status(StatusArgs),
    /// Print the output of replicas and resources.
    #[command(after_help = help::LOGS)]
    Logs(LogsArgs),
    /// Set how many replicas of a service run, within the bounds of the file.
    #[command(after_help = help::SCALE)]
    Scale(ScaleArgs),
    /// Secrets of an environment: versioned, encrypted at rest.
    #[command(subcommand, after_help = help::SECRET)]
    Secret(SecretCommand),
    /// Attack every control of this machine, and print what was seen.
    #[command(after_help = help::DOCTOR)]
    Doctor,
    /// Print the JSON Schema of plimsoll.toml.
    #[command(after_help = help::SCHEMA)]
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The folder; the project's when left out.
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Services to build; all when left out.
    pub(crate) services: Vec<String>,
    /// Environment whose overlay applies.
    #[arg(long, value_name = "NAME", default_value = "development")]
    pub(crate) env: String,
    /// Push to a registry: REF for one service, REF's repository with the service's name below it for several.
    #[arg(long, value_name = "REF")]
    pub(crate) push: Option<String>,
    /// Write the image of one service to a file (OCI archive).
    #[arg(long, value_name = "FILE")]
    pub(crate) archive: Option<PathBuf>,
    /// How layers are compressed.
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Compress::Fast)]
    pub(crate) compress: Compress,
}

/// How layers are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compress {
    /// zstd, level 2.
    Fast,
    /// zstd, level 19: a fifth smaller, seventy times the work.
    Small,
    /// gzip, for Docker before version 23.
    Compatible,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// What changed between two images, by file and by package.
    #[command(after_help = help::IMAGE_DIFF)]
    Diff {
        /// A service, or a digest that `build` printed.
        from: String,
        /// The other one.
        to: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct EnvironmentArgs {
    /// The environment.
    #[arg(long, value_name = "NAME", default_value = "development")]
    pub(crate) env: String,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// What a release consists of, instead of what runs: the one named, or the one in force.
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "")]
    pub(crate) release: Option<String>,
    /// The environment.
    #[arg(long, value_name = "NAME", default_value = "development")]
    pub(crate) env: String,
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Return when every replica is ready; the app goes on.
    #[arg(long, short)]
    pub(crate) detach: bool,
    /// The environment.
    #[arg(long, value_name = "NAME", default_value = "development")]
    pub(crate) env: String,
}

#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// Show what would be done, and do nothing.
    #[arg(long)]
    pub(crate) plan: bool,
    /// How the new release takes over; the file's `[rollout]` when left out.
    #[arg(long, value_enum, value_name = "STRATEGY")]
    pub(crate) strategy: Option<StrategyChoice>,
    /// The environment.
    #[arg(long, value_name = "NAME", default_value = "development")]
    pub(crate) env: String,
}

/// How a new release takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrategyChoice {
    /// One replica after the other.
    Rolling,
    /// A growing share of the requests, judged at each step.
    Canary,
    /// All at once, beside the old one, which stays warm for a while.
    BlueGreen,
    /// The old one stops, then the new one starts: with a gap.
    Recreate,
}

impl StrategyChoice {
    /// As the file calls it.
    pub(crate) fn named(self) -> Strategy {
        match self {
            Self::Rolling => Strategy::Rolling,
            Self::Canary => Strategy::Canary,
            Self::BlueGreen => Strategy::BlueGreen,
            Self::Recreate => Strategy::Recreate,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The release, as `plimsoll releases` shows it; the one before the one in force when left out.
    pub(crate) release: Option<String>,
    /// The environment.
    #[arg(long, value_name = "NAME", default_value = "development")]
    pub(crate) env: String,
}

#[derive(Debug, Args)]
pub(crate) struct CleanupArgs {
    /// Releases to keep beside the one in force; the file's `retention.releases` when left out.
    #[arg(long, value_name = "COUNT")]
    pub(crate) keep: Option<usize>,
    /// Most that releases may take on disk, such as `10Gi`: older ones go first, the one to roll back to never.
    #[arg(long, value_name = "SIZE")]
    pub(crate) quota: Option<Bytes>,
    /// Say what would be deleted, and delete nothing.
    #[arg(long)]
    pub(crate) plan: bool,
    /// The environment.
    #[arg(long, value_name = "NAME", default_value = "development")]
    pub(crate) env: String,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// `verify`: recompute the chain from its first entry to its last.
    #[arg(value_enum)]
    pub(crate) verify: Option<AuditVerb>,
    /// Entries to show, the newest.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 50)]
    pub(crate) lines: usize,
    /// The environment.
    #[arg(long, value_name = "NAME", default_value = "development")]
    pub(crate) env: String,
}

/// What is done with the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditVerb {
    /// Recompute the chain.
    Verify,
}

#[derive(Debug, Args)]
pub(crate) struct DownArgs {
    /// The environment.
    #[arg(long, value_name = "NAME", default_value = "development")]
    pub(crate) env: String,
    /// Delete the data of its resources too. Asks for the app's name first.
    #[arg(long)]
    pub(crate) data: bool,
    /// The app's name, typed here instead of at the question that --data asks.
    #[arg(long, value_name = "NAME", requires = "data")]
    pub(crate) confirm: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Services or resources; all when left out.
    pub(crate) names: Vec<String>,
    /// Go on as new lines come.
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Lines of the past, per process.
    #[arg(long, short = 'n', value_name = "LINES", default_value_t = 100)]
    pub(crate) lines: usize,
    /// The environment.
    #[arg(long, value_name = "NAME", default_value = "development")]
    pub(crate) env: String,
}

#[derive(Debug, Args)]
pub(crate) struct ScaleArgs {
    /// `SERVICE=COUNT`.
    #[arg(required = true, value_name = "SERVICE=COUNT")]
    pub(crate) counts: Vec<String>,
    /// The environment.
    #[arg(long, value_name = "NAME", default_value = "development")]
    pub(crate) env: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Store a new version of a secret; the value comes from standard input, never from an argument.
    #[command(after_help = help::SECRET_SET)]
    Set(SecretArgs),
    /// Names, versions and dates; never values.
    #[command(after_help = help::SECRET_LIST)]
    List(EnvironmentArgs),
    /// Generate a new version of a secret that the file generates.
    #[command(after_help = help::SECRET_ROTATE)]
    Rotate(SecretArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// The secret's name.
    pub(crate) name: String,
    /// The environment.
    #[arg(long, value_name = "NAME", default_value = "development")]
    pub(crate) env: String,
}
