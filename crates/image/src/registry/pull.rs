//! An image from the registry: its manifest, then what it names.

use std::io::Read;
use std::ops::ControlFlow;

use plimsoll_bundle::Digest;
use ureq::http::{Method, StatusCode};

use super::RegistryError;
use super::client::{Call, Content, Failure, Registry, lost, text};
use super::push::name_of;
use super::settings::{Progress, Watch};
use crate::oci::{Descriptor, Index, Layout, MAX_DOCUMENT, Manifest, Platform, media};

impl Registry {
    /// Pulls the image for `machine` into `layout` and returns its manifest, which is there with all it names: an
    /// index is followed to the machine's image. Blobs that the layout has are not fetched again.
    ///
    /// The image gets no name in the layout; that is for the caller ([`Layout::tag`]). Broken off, the pull leaves
    /// whole blobs, which the next one finds.
    pub fn pull(
        &self,
        layout: &Layout,
        machine: &Platform,
        watch: Watch<'_>,
    ) -> Result<Descriptor, RegistryError> {
        let (named, mut bytes) =
            self.manifest(self.reference.target(), self.reference.digest.as_ref())?;
        let mut image = named;
        if media::is_index(&image.media_type) {
            let index = Index::parse(&bytes, &self.place(&image))?;
            let chosen = index.select(machine)?.bare();
            bytes = self.manifest_of(&chosen)?;
            image = chosen;
        }
        let manifest = Manifest::parse(&bytes, &self.place(&image))?;
        self.pull_blobs(layout, &manifest, watch)?;
        // Last, so that a manifest in the layout has all it names.
        Ok(layout.put(&image.media_type, &bytes)?)
    }

    /// The digest of what the reference names now: to pin a tag.
    pub fn resolve(&self) -> Result<Digest, RegistryError> {
        Ok(self
            .manifest(self.reference.target(), self.reference.digest.as_ref())?
            .0
            .digest)
    }

    fn place(&self, one: &Descriptor) -> String {
        format!("{} {}", self.reference.registry, one.digest)
    }

    fn pull_blobs(
        &self,
        layout: &Layout,
        manifest: &Manifest,
        watch: Watch<'_>,
    ) -> Result<(), RegistryError> {
        let total = manifest
            .blobs()
            .fold(0_u64, |total, blob| total.saturating_add(blob.size));
        let mut done: u64 = 0;
        let mut tell = |done: u64| match watch(Progress {
            done: done.min(total),
            total,
        }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(RegistryError::Stopped),
        };
        for (index, blob) in manifest.blobs().enumerate() {
            if !layout.has(blob) {
                let what = name_of(index, manifest.layers.len());
                self.download(layout, blob, &what, &mut |bytes| {
                    tell(done.saturating_add(bytes))
                })?;
            }
            done = done.saturating_add(blob.size);
            tell(done)?;
        }
        Ok(())
    }

    /// The manifest that a descriptor names, in size and digest.
    fn manifest_of(&self, one: &Descriptor) -> Result<Vec<u8>, RegistryError> {
        let (found, bytes) = self.manifest(one.digest.as_str(), Some(&one.digest))?;
        if found.size != one.size {
            let bytes = |count: u64| format!("{count} bytes long");
            return Err(self.other(one.digest.as_str(), bytes(one.size), bytes(found.size)));
        }
        Ok(bytes)
    }

    /// The manifest under a tag or digest, where there must be one.
    fn manifest(
        &self,
        name: &str,
        expected: Option<&Digest>,
    ) -> Result<(Descriptor, Vec<u8>), RegistryError> {
        self.find_manifest(name, expected)?
            .ok_or_else(|| RegistryError::NotFound {
                registry: self.reference.registry.clone(),
                what: format!("image `{}:{name}`", self.reference.repository),
            })
    }

    /// The manifest or index under a tag or digest, verified; nothing where there is none.
    pub(super) fn find_manifest(
        &self,
        name: &str,
        expected: Option<&Digest>,
    ) -> Result<Option<(Descriptor, Vec<u8>)>, RegistryError> {
        let action = format!("pull the manifest `{name}`");
        let mut failures = 0;
        loop {
            match self.try_manifest(name, expected, &action) {
                Ok(found) => return Ok(found),
                Err(failure) => {
                    failures += 1;
                    self.wait_after(failure, failures, &action)?;
                }
            }
        }
    }

    fn try_manifest(
        &self,
        name: &str,
        expected: Option<&Digest>,
        action: &str,
    ) -> Result<Option<(Descriptor, Vec<u8>)>, Failure> {
        let accept = [
            media::MANIFEST,
            media::INDEX,
            media::DOCKER_MANIFEST,
            media::DOCKER_LIST,
        ]
        .join(", ");
        let uri = self.address(&format!("manifests/{name}"))?;
        let headers = vec![
            ("accept", accept),
            ("accept-encoding", "identity".to_owned()),
        ];
        let call = Call {
            method: Method::GET,
            uri,
            headers,
            content: Content::Nothing,
            action: action.to_owned(),
        };
        let mut answer = self.send_once(&call)?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            _ => return Err(self.refused(action, answer).into()),
        }
        let content_type = text(answer.headers(), "content-type").map(str::to_owned);
        let stated = text(answer.headers(), "docker-content-digest").map(str::to_owned);
        let mut bytes = Vec::new();
        let reader = answer.body_mut().as_reader();
        reader
            .take(MAX_DOCUMENT + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| lost(error.into()))?;
        if bytes.len() as u64 > MAX_DOCUMENT {
            return Err(self
                .broke(action, "the manifest is larger than 4 MiB")
                .into());
        }
        let found = Digest::of(&bytes);
        for expected in expected
            .map(Digest::as_str)
            .into_iter()
            .chain(stated.as_deref())
        {
            if expected != found.as_str() {
                return Err(self
                    .other(name, expected.to_owned(), found.to_string())
                    .into());
            }
        }
        let media_type = media_type(&bytes, content_type.as_deref())
            .ok_or_else(|| self.broke(action, "what it sends is no image manifest"))?;
        Ok(Some((
            Descriptor::new(media_type, found, bytes.len() as u64),
            bytes,
        )))
    }

    fn other(&self, name: &str, expected: String, found: String) -> RegistryError {
        RegistryError::Mismatch {
            what: format!("the manifest `{name}`"),
            registry: self.reference.registry.clone(),
            expected,
            found,
        }
    }
}

/// What a manifest says that it is, which is under its digest; else what the registry says.
fn media_type(bytes: &[u8], content_type: Option<&str>) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Kind {
        #[serde(rename = "mediaType")]
        media_type: Option<String>,
    }
    let kind: Kind = serde_json::from_slice(bytes).ok()?;
    let bare = content_type
        .and_then(|text| text.split(';').next())
        .map(|text| text.trim().to_owned());
    let media_type = kind.media_type.or(bare)?;
    (media::is_index(&media_type) || media::is_manifest(&media_type)).then_some(media_type)
}
