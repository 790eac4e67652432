//! One blob to the registry: in one request where it is small, else in parts; a broken connection is taken up where the
//! registry says that it broke.

use std::path::PathBuf;

use ureq::Body;
use ureq::http::{Method, Response, StatusCode, Uri};

use super::client::{Call, Content, Failure, Registry, text};
use super::settings::Access;
use super::{RegistryError, headers, url};
use crate::oci::{Descriptor, Layout};

/// Bytes of a part, at the most, whatever the registry asks for.
const MAX_CHUNK: u64 = 64 << 20;

/// An upload that the registry has begun.
struct Upload {
    location: Uri,
    sent: u64,
    chunk: u64,
}

/// How a blob got there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was there.
    Present,
    /// The registry took it from another of its repositories.
    Mounted,
    /// Its bytes were sent.
    Uploaded,
}

/// A blob of the layout on its way.
pub(super) struct Blob<'a> {
    layout: &'a Layout,
    pub(super) descriptor: &'a Descriptor,
    pub(super) path: PathBuf,
    /// For people.
    pub(super) what: String,
}

impl<'a> Blob<'a> {
    pub(super) fn new(layout: &'a Layout, descriptor: &'a Descriptor, what: String) -> Self {
        Self {
            layout,
            descriptor,
            path: layout.blob_path(&descriptor.digest),
            what,
        }
    }

    /// Found damaged here, a blob costs no upload that the registry would refuse at its end.
    fn verify(&self) -> Result<(), RegistryError> {
        let mut reader = self.layout.reader(self.descriptor)?;
        let read = std::io::copy(&mut reader, &mut std::io::sink());
        read.map(drop).map_err(|source| RegistryError::Blob {
            blob: self.descriptor.digest.to_string(),
            source,
        })
    }

    fn action(&self) -> String {
        format!("push {} ({})", self.what, self.descriptor.digest)
    }
}

impl Registry {
    /// Sends the blob if the registry does not have it. `moved` is told how many of its bytes are there.
    pub(super) fn upload(
        &self,
        blob: &Blob<'_>,
        moved: &mut dyn FnMut(u64) -> Result<(), RegistryError>,
    ) -> Result<Sent, RegistryError> {
        if self.has_blob(blob.descriptor)? {
            return Ok(Sent::Present);
        }
        blob.verify()?;
        let Some(mut upload) = self.begin(blob)? else {
            return Ok(Sent::Mounted);
        };
        let mut failures = 0;
        let mut furthest = 0;
        loop {
            let failure = match self.send_rest(blob, &mut upload, moved) {
                Ok(()) => return Ok(Sent::Uploaded),
                Err(failure) => failure,
            };
            // Only progress earns another round of tries, so that their number is bounded by the blob's parts.
            failures = if upload.sent > furthest {
                1
            } else {
                failures + 1
            };
            furthest = furthest.max(upload.sent);
            self.wait_after(failure, failures, &blob.action())?;
            if !self.take_up(&mut upload)? {
                // The registry forgot the upload: because it restarted, or because it has the blob by now.
                if self.has_blob(blob.descriptor)? {
                    return Ok(Sent::Uploaded);
                }
                match self.begin(blob)? {
                    Some(again) => upload = again,
                    None => return Ok(Sent::Mounted),
                }
            }
        }
    }

    /// Whether the registry has the blob, in its full length.
    pub(super) fn has_blob(&self, blob: &Descriptor) -> Result<bool, RegistryError> {
        let action = format!("look for the blob {}", blob.digest);
        let uri = self.address(&format!("blobs/{}", blob.digest))?;
        let answer = self.send(&Call {
            method: Method::HEAD,
            uri,
            headers: vec![],
            content: Content::Nothing,
            action: action.clone(),
        })?;
        match answer.status() {
            StatusCode::OK => {
                let length = text(answer.headers(), "content-length")
                    .and_then(|text| text.parse::<u64>().ok());
                Ok(length.is_none_or(|length| length == blob.size))
            }
            StatusCode::NOT_FOUND => Ok(false),
            // It is kept elsewhere, where addresses are often good for a GET only.
            status if status.is_redirection() => Ok(true),
            _ => Err(self.refused(&action, answer)),
        }
    }

    /// A new upload; nothing where the registry took the blob from the repository that it may be in.
    fn begin(&self, blob: &Blob<'_>) -> Result<Option<Upload>, RegistryError> {
        let mut address = self.address("blobs/uploads/")?.to_string();
        if let Access::Push {
            mount_from: Some(from),
        } = &self.access
        {
            address = url::with_query(&address, "mount", blob.descriptor.digest.as_str());
            address = url::with_query(&address, "from", from);
        }
        let uri: Uri = address
            .parse()
            .map_err(|_| self.broke(&blob.action(), "its name makes no address"))?;
        let call = Call {
            method: Method::POST,
            uri,
            headers: vec![],
            content: Content::Bytes(b""),
            action: blob.action(),
        };
        let answer = self.send(&call)?;
        match answer.status() {
            StatusCode::CREATED => Ok(None),
            StatusCode::ACCEPTED => {
                let smallest = text(answer.headers(), "oci-chunk-min-length")
                    .and_then(|text| text.parse().ok());
                let chunk = self
                    .settings
                    .chunk
                    .max(smallest.unwrap_or(0))
                    .clamp(1, MAX_CHUNK);
                let location = self.location(&call.uri, &answer, &call.action)?;
                Ok(Some(Upload {
                    location,
                    sent: 0,
                    chunk,
                }))
            }
            StatusCode::NOT_FOUND => Err(RegistryError::NotFound {
                registry: self.reference.registry.clone(),
                what: format!("repository `{}` to push to", self.reference.repository),
            }),
            _ => Err(self.refused(&call.action, answer)),
        }
    }

    fn location(
        &self,
        base: &Uri,
        answer: &Response<Body>,
        action: &str,
    ) -> Result<Uri, RegistryError> {
        let location =
            text(answer.headers(), "location").and_then(|location| url::resolve(base, location));
        let location = location
            .ok_or_else(|| self.broke(action, "it does not say where the upload goes on"))?;
        match url::objection(&self.base, &location) {
            Some(why) => Err(self.broke(action, why)),
            None => Ok(location),
        }
    }

    fn send_rest(
        &self,
        blob: &Blob<'_>,
        upload: &mut Upload,
        moved: &mut dyn FnMut(u64) -> Result<(), RegistryError>,
    ) -> Result<(), Failure> {
        let size = blob.descriptor.size;
        moved(upload.sent)?;
        if upload.sent == 0 && size <= upload.chunk {
            return self.finish(
                blob,
                upload,
                Content::Part {
                    path: &blob.path,
                    start: 0,
                    length: size,
                },
            );
        }
        while upload.sent < size {
            self.send_part(blob, upload)?;
            moved(upload.sent)?;
        }
        self.finish(blob, upload, Content::Bytes(b""))
    }

    fn send_part(&self, blob: &Blob<'_>, upload: &mut Upload) -> Result<(), Failure> {
        let length = upload.chunk.min(blob.descriptor.size - upload.sent);
        let end = upload.sent + length;
        let call = Call {
            method: Method::PATCH,
            uri: upload.location.clone(),
            headers: vec![
                ("content-type", "application/octet-stream".to_owned()),
                ("content-range", format!("{}-{}", upload.sent, end - 1)),
            ],
            content: Content::Part {
                path: &blob.path,
                start: upload.sent,
                length,
            },
            action: blob.action(),
        };
        let answer = self.send_once(&call)?;
        match answer.status() {
            StatusCode::ACCEPTED | StatusCode::NO_CONTENT | StatusCode::CREATED => {
                upload.location = self.location(&call.uri, &answer, &call.action)?;
                let received = text(answer.headers(), "range").and_then(headers::received);
                let received = match received {
                    // Says `0-0`, which is what an upload without bytes says too.
                    Some(0) if end == 1 => 1,
                    Some(received) => received,
                    None => end,
                };
                if received > end {
                    return Err(self.broke(&call.action, "it has more than was sent").into());
                }
                if received <= upload.sent {
                    return Err(lost_upload("it took nothing of a part"));
                }
                upload.sent = received;
                Ok(())
            }
            StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::NOT_FOUND => {
                Err(lost_upload("it lost the upload"))
            }
            _ => Err(self.refused(&call.action, answer).into()),
        }
    }

    /// The last request: the rest of the bytes, and the digest that all of them must have.
    fn finish(
        &self,
        blob: &Blob<'_>,
        upload: &mut Upload,
        content: Content<'_>,
    ) -> Result<(), Failure> {
        let address = url::with_query(
            &upload.location.to_string(),
            "digest",
            blob.descriptor.digest.as_str(),
        );
        let uri = address
            .parse()
            .map_err(|_| self.broke(&blob.action(), "its upload has no address"))?;
        let headers = vec![("content-type", "application/octet-stream".to_owned())];
        let answer = self.send_once(&Call {
            method: Method::PUT,
            uri,
            headers,
            content,
            action: blob.action(),
        })?;
        match answer.status() {
            StatusCode::CREATED | StatusCode::NO_CONTENT | StatusCode::OK => {
                upload.sent = blob.descriptor.size;
                Ok(self.ensure_digest(&answer, blob.descriptor.digest.as_str(), &blob.what)?)
            }
            StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::NOT_FOUND => {
                Err(lost_upload("it lost the upload"))
            }
            _ => Err(self.refused(&blob.action(), answer).into()),
        }
    }

    /// What the registry says it stored must be what was sent.
    pub(super) fn ensure_digest(
        &self,
        answer: &Response<Body>,
        expected: &str,
        what: &str,
    ) -> Result<(), RegistryError> {
        match text(answer.headers(), "docker-content-digest") {
            Some(found) if found != expected => Err(RegistryError::Mismatch {
                what: what.to_owned(),
                registry: self.reference.registry.clone(),
                expected: expected.to_owned(),
                found: found
                    .chars()
                    .take(100)
                    .filter(|character| !character.is_control())
                    .collect(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Asks how much of the upload arrived; false where the registry does not know it any more.
    fn take_up(&self, upload: &mut Upload) -> Result<bool, RegistryError> {
        let action = "ask how far a broken push got".to_owned();
        let call = Call {
            method: Method::GET,
            uri: upload.location.clone(),
            headers: vec![],
            content: Content::Nothing,
            action,
        };
        let answer = self.send(&call)?;
        let is_known = matches!(
            answer.status(),
            StatusCode::NO_CONTENT | StatusCode::ACCEPTED | StatusCode::OK
        );
        let received = text(answer.headers(), "range").and_then(headers::received);
        let (true, Some(received)) = (is_known, received) else {
            return Ok(false);
        };
        if text(answer.headers(), "location").is_some() {
            upload.location = self.location(&call.uri, &answer, &call.action)?;
        }
        upload.sent = received;
        Ok(true)
    }
}

fn lost_upload(why: &'static str) -> Failure {
    Failure::Lost {
        source: std::io::Error::other(why),
        status: None,
        detail: String::new(),
        wait: None,
    }
}
