//! What is attached to an image: asked of the registry, or kept for it in a tag where it has no list of its own
//! (distribution-spec, "referrers tag schema").

use std::io::Read;

use plimsoll_bundle::Digest;
use ureq::http::{Method, StatusCode, Uri};

use super::client::{Call, Content, Registry, text};
use super::{RegistryError, headers, url};
use crate::oci::layout::referrers_name;
use crate::oci::{Descriptor, Index, MAX_DOCUMENT, media, to_bytes};

/// Pages of a list, at the most.
const MAX_PAGES: usize = 16;

/// A part of a list, and the address of what follows.
struct Page {
    artefacts: Vec<Descriptor>,
    next: Option<Uri>,
}

impl Registry {
    /// The artefacts about the image with this digest.
    pub fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
        let mut next = Some(self.address(&format!("referrers/{subject}"))?);
        let mut found = Vec::new();
        for _ in 0..MAX_PAGES {
            let Some(uri) = next else {
                return Ok(found);
            };
            let Some(page) = self.referrers_page(uri)? else {
                return self.tagged_referrers(subject);
            };
            found.extend(page.artefacts);
            next = page.next;
        }
        Err(self.broke("list what is attached", "the list has more than 16 pages"))
    }

    /// One page; nothing where the registry has no such list.
    fn referrers_page(&self, uri: Uri) -> Result<Option<Page>, RegistryError> {
        let action = "list what is attached".to_owned();
        let headers = vec![("accept", media::INDEX.to_owned())];
        let call = Call {
            method: Method::GET,
            uri,
            headers,
            content: Content::Nothing,
            action,
        };
        let mut answer = self.send(&call)?;
        match answer.status() {
            StatusCode::OK => {}
            // Registries of before 1.1 do not know the address at all.
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::BAD_REQUEST => {
                return Ok(None);
            }
            _ => return Err(self.refused(&call.action, answer)),
        }
        let next = text(answer.headers(), "link")
            .and_then(headers::next_page)
            .and_then(|link| url::resolve(&call.uri, link));
        let mut bytes = Vec::new();
        let read = answer
            .body_mut()
            .as_reader()
            .take(MAX_DOCUMENT + 1)
            .read_to_end(&mut bytes);
        read.map_err(|error| self.broke(&call.action, &error.to_string()))?;
        let index = Index::parse(
            &bytes,
            &format!("{} {}", self.reference.registry, call.uri.path()),
        )?;
        Ok(Some(Page {
            artefacts: index.manifests,
            next,
        }))
    }

    fn tagged_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
        match self.find_manifest(&referrers_name(subject), None)? {
            Some((list, bytes)) => Ok(Index::parse(&bytes, list.digest.as_str())?.manifests),
            None => Ok(Vec::new()),
        }
    }

    /// Adds an artefact to the tag that lists those about `subject`, in the place of an older one of its kind. Two that
    /// do it at once can lose one of theirs: the protocol has no answer to that, and the next push mends it.
    pub(super) fn list_referrer(
        &self,
        subject: &Digest,
        artefact: &Descriptor,
    ) -> Result<(), RegistryError> {
        let mut list = self.tagged_referrers(subject)?;
        if list.contains(artefact) {
            return Ok(());
        }
        list.retain(|one| one.artifact_type != artefact.artifact_type);
        list.push(artefact.clone());
        let bytes = to_bytes(&Index::new(list))?;
        self.put_manifest(media::INDEX, &bytes, &referrers_name(subject))
            .map(drop)
    }
}
