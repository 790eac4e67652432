//! `plimsoll build [SERVICE…]`.

use anyhow::anyhow;
use plimsoll_image::BuiltImage;
use plimsoll_image::archive::{self, Papers};
use plimsoll_image::layer::Compression;

use super::Context;
use crate::args::{BuildArgs, Compress};
use crate::artefacts::{self, Places};
use crate::exit::{ExitStatus, Failure, Result};
use crate::images::{self, Workshop};
use crate::printer::Printer;
use crate::progress::Progress;
use crate::project::{self, Warnings};
use crate::registry::{self, Access};
use crate::{interrupt, units};

pub(crate) fn run(context: &Context, args: &BuildArgs) -> Result<ExitStatus> {
    let project = project::load(
        &context.project,
        &args.env,
        (Warnings::InFull, context.printer),
    )?;
    let app = &project.app;
    ensure_archive_makes_sense(args, app.services.len())?;
    let local = context.local(&project.dir, &app.about.name, &args.env)?;
    let state = local.state();
    let places = Places {
        store: state.artefacts(),
        cache: state.cache(),
    };
    let cancel = local.canceller();
    interrupt::cancel_on_signal(cancel.clone())?;
    let access = context.environment.registries(cancel.clone());
    let mut progress = Progress::new(context.printer);
    let built = artefacts::build_all(
        &project.dir,
        (app, &args.services),
        &places,
        (&mut progress, &cancel),
    )?;
    let workshop = Workshop::open(&project.dir, state, compression(args.compress))?;
    let images = workshop.make_all((app, &args.services), &built, &access, &mut progress)?;
    hand_on(args, &workshop, &images, &access, &mut progress)?;
    progress.close();
    print(context.printer, &images);
    Ok(ExitStatus::Success)
}

/// To a registry and into a file, as far as it was asked for.
fn hand_on(
    args: &BuildArgs,
    workshop: &Workshop,
    images: &[BuiltImage],
    access: &Access,
    progress: &mut Progress,
) -> Result<()> {
    if let (Some(file), [image]) = (&args.archive, images) {
        let named = (&image.descriptor, image.service.as_str());
        archive::write(&workshop.layout, named, Papers::Without, file).map_err(images::failure)?;
    }
    let Some(wanted) = &args.push else {
        return Ok(());
    };
    for (image, reference) in images.iter().zip(registry::targets(wanted, images)?) {
        registry::push(&workshop.layout, image, &reference, access, progress)?;
    }
    Ok(())
}

/// Said before the build, which may take minutes.
fn ensure_archive_makes_sense(args: &BuildArgs, of_the_app: usize) -> Result<()> {
    let Some(file) = &args.archive else {
        return Ok(());
    };
    let count = match args.services.len() {
        0 => of_the_app,
        named => named,
    };
    if count != 1 {
        return Err(Failure::usage(anyhow!(
            "an archive holds the image of one service, and {count} are to be built"
        ))
        .advise("name one: plimsoll build SERVICE --archive FILE"));
    }
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        let message = anyhow!("cannot write `{}`: its folder is not there", file.display());
        return Err(Failure::usage(message));
    }
    Ok(())
}

fn compression(wanted: Compress) -> Compression {
    match wanted {
        Compress::Fast => Compression::Fast,
        Compress::Small => Compression::Small,
        Compress::Compatible => Compression::Compatible,
    }
}

fn print(printer: Printer, images: &[BuiltImage]) {
    if printer.is_json() {
        printer.json(&images);
        return;
    }
    for image in images {
        printer.data(&format!(
            "{:<16} {}  {:>9} unpacked  {:>9} pulled  {} layers  {:>3} packages",
            image.service,
            image.digest,
            units::bytes(image.unpacked_bytes),
            units::bytes(image.pulled_bytes),
            image.layers.len(),
            image.packages.len(),
        ));
    }
}
