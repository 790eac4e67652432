//! For which machine a program is compiled.

use std::ffi::OsString;
use std::path::Path;

use crate::BuildError;
use crate::tool;

/// A machine that programs can be compiled for: it has a standard library here, and a linker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    arch: &'static str,
    linker: Option<&'static str>,
}

impl Target {
    /// This machine.
    pub fn host() -> Self {
        Self {
            arch: std::env::consts::ARCH,
            linker: None,
        }
    }

    /// The machine that Rust calls `arch`, if this one can compile for it; else what to install.
    pub fn try_new(arch: &str) -> Result<Self, BuildError> {
        if arch == std::env::consts::ARCH {
            return Ok(Self::host());
        }
        let (arch, linker, advice) = match arch {
            "aarch64" => (
                "aarch64",
                "aarch64-linux-gnu-gcc",
                "`rustup target add aarch64-unknown-linux-gnu` and install the package `gcc-aarch64-linux-gnu`",
            ),
            "x86_64" => (
                "x86_64",
                "x86_64-linux-gnu-gcc",
                "`rustup target add x86_64-unknown-linux-gnu` and install the package `gcc-x86-64-linux-gnu`",
            ),
            other => {
                return Err(BuildError::NoTarget {
                    arch: other.to_owned(),
                    advice: "images are made for x86_64 and aarch64",
                });
            }
        };
        let target = Self {
            arch,
            linker: Some(linker),
        };
        if target.has_std()? && target.has_linker() {
            Ok(target)
        } else {
            Err(BuildError::NoTarget {
                arch: arch.to_owned(),
                advice,
            })
        }
    }

    /// Rust's name of the machine: `x86_64`.
    pub fn arch(&self) -> &'static str {
        self.arch
    }

    /// `x86_64-unknown-linux-gnu`. glibc and not musl: linked statically it runs in an empty image just so, needs
    /// no target of its own, and takes a third less CPU per request.
    pub fn triple(&self) -> String {
        format!("{}-unknown-linux-gnu", self.arch)
    }

    /// What Cargo and C compilers of build scripts must know to link for another machine.
    pub(crate) fn env(&self) -> Vec<(String, OsString)> {
        let Some(linker) = self.linker else {
            return Vec::new();
        };
        let name = self.triple().replace('-', "_");
        vec![
            (
                format!("CARGO_TARGET_{}_LINKER", name.to_uppercase()),
                linker.into(),
            ),
            (format!("CC_{name}"), linker.into()),
        ]
    }

    /// Whether programs for it can relocate themselves from packed tables (`DT_RELR`), a twentieth of the plain ones:
    /// that is 3 % of a program. A static program is relocated by the glibc inside it, which can since version 2.36;
    /// which glibc another machine's cross compiler brings is not known.
    pub(crate) fn packs_relocations(&self) -> bool {
        let argv = ["getconf", "GNU_LIBC_VERSION"].map(str::to_owned);
        self.linker.is_none()
            && tool::capture(&argv, Path::new("/"), &|| false)
                .is_ok_and(|out| is_at_least_2_36(&String::from_utf8_lossy(&out)))
    }

    fn has_std(&self) -> Result<bool, BuildError> {
        let argv = [
            "rustc",
            "--print",
            "target-libdir",
            "--target",
            &self.triple(),
        ]
        .map(str::to_owned);
        let out = tool::capture(&argv, Path::new("/"), &|| false)?;
        let text = String::from_utf8_lossy(&out);
        Ok(Path::new(text.trim()).is_dir())
    }

    fn has_linker(&self) -> bool {
        let Some(linker) = self.linker else {
            return true;
        };
        let argv = [linker, "--version"].map(str::to_owned);
        tool::capture(&argv, Path::new("/"), &|| false).is_ok()
    }
}

/// Reads `glibc 2.36`.
fn is_at_least_2_36(text: &str) -> bool {
    let version = text
        .trim()
        .strip_prefix("glibc ")
        .and_then(|version| version.split_once('.'));
    let Some((Ok(major), Ok(minor))) =
        version.map(|(major, minor)| (major.parse::<u32>(), minor.parse::<u32>()))
    else {
        return false;
    };
    (major, minor) >= (2, 36)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_needs_nothing_and_an_unknown_one_is_refused_with_those_that_are_known() {
        let host = Target::try_new(std::env::consts::ARCH).unwrap();
        assert_eq!(host, Target::host());
        assert!(host.env().is_empty());
        let error = Target::try_new("pdp11").unwrap_err();
        assert!(error.is_users_fault());
        assert!(
            error.to_string().contains("pdp11") && error.to_string().contains("aarch64"),
            "{error}"
        );
    }

    #[test]
    fn only_a_glibc_that_can_unpack_its_relocations_gets_packed_ones() {
        for (text, expected) in [
            ("glibc 2.36\n", true),
            ("glibc 2.41", true),
            ("glibc 3.0", true),
            ("glibc 2.35", false),
            ("musl", false),
            ("", false),
        ] {
            assert_eq!(is_at_least_2_36(text), expected, "{text}");
        }
    }

    #[test]
    fn another_machine_is_either_complete_or_refused_with_what_to_install() {
        let other = if std::env::consts::ARCH == "x86_64" {
            "aarch64"
        } else {
            "x86_64"
        };
        match Target::try_new(other) {
            Ok(target) => assert!(
                target
                    .env()
                    .iter()
                    .all(|(_, value)| value.to_string_lossy().ends_with("-linux-gnu-gcc"))
            ),
            Err(error) => {
                let text = error.to_string();
                assert!(
                    text.contains("rustup target add") && text.contains("gcc-"),
                    "{text}"
                );
            }
        }
    }
}
