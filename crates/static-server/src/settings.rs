//! What the server is told: arguments by the image, variables by the environment that it runs in.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// What the environment's settings begin with.
const PREFIX: &str = "SETTING_";
/// Where it listens unless told.
const PORT: u16 = 8080;
const USAGE: &str = "usage: plimsoll-static [--root FOLDER] [--spa PAGE]";

/// What the server is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) address: SocketAddr,
    pub(crate) root: PathBuf,
    pub(crate) spa: Option<String>,
    /// Members of `/config.json`.
    pub(crate) values: BTreeMap<String, String>,
}

impl Settings {
    pub(crate) fn read(
        arguments: impl IntoIterator<Item = String>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, String> {
        let mut settings = Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT),
            root: PathBuf::from("/srv"),
            spa: None,
            values: BTreeMap::new(),
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| USAGE.to_owned());
            match argument.as_str() {
                "--root" => settings.root = PathBuf::from(value()?),
                "--spa" => settings.spa = Some(value()?),
                other => return Err(format!("`{other}` is no option; {USAGE}")),
            }
        }
        for (name, value) in variables {
            settings.take(&name, value)?;
        }
        Ok(settings)
    }

    fn take(&mut self, name: &str, value: String) -> Result<(), String> {
        let refused = |what| format!("{name} is `{value}`, which is no {what}");
        match name {
            "PORT" => self
                .address
                .set_port(value.parse().map_err(|_| refused("port"))?),
            "HOST" => self
                .address
                .set_ip(value.parse().map_err(|_| refused("IP address"))?),
            _ => {
                if let Some(member) = name.strip_prefix(PREFIX) {
                    self.values.insert(member.to_owned(), value);
                }
            }
        }
        Ok(())
    }

    /// `/config.json`; without settings, the file of that name if there is one.
    pub(crate) fn document(&self) -> Option<plimsoll_files::site::Settings> {
        (!self.values.is_empty()).then(|| plimsoll_files::site::Settings::of(&self.values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::read(
            arguments.iter().map(|argument| (*argument).to_owned()),
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn what_is_told_is_taken_and_the_rest_has_a_default() {
        let plain = read(&[], &[("PATH", "/bin")]).unwrap();
        assert_eq!(plain.address.to_string(), "0.0.0.0:8080");
        assert!(plain.document().is_none());
        let told = read(
            &["--root", "/www", "--spa", "index.html"],
            &[
                ("PORT", "81"),
                ("HOST", "::1"),
                ("SETTING_API_BASE", "/api"),
            ],
        )
        .unwrap();
        assert_eq!(told.address.to_string(), "[::1]:81");
        assert_eq!(told.root, PathBuf::from("/www"));
        assert_eq!(told.spa.as_deref(), Some("index.html"));
        assert_eq!(told.values["API_BASE"], "/api");
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (arguments, variables, word) in [
            (&["--rot"][..], &[][..], "--rot"),
            (&["--root"], &[], "usage"),
            (&[], &[("PORT", "http")], "PORT"),
            (&[], &[("HOST", "localhost")], "HOST"),
        ] {
            let error = read(arguments, variables).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
