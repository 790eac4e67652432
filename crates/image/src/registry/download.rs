//! One blob from the registry, verified as it comes; a broken connection is taken up where it broke.

use std::io::{self, Read, Write};

use ureq::Body;
use ureq::http::{Method, Response, StatusCode};

use super::client::{Call, Content, Failure, Registry, text};
use super::{RegistryError, headers};
use crate::oci::{BlobWriter, Descriptor, Layout, OciError};

const BUFFER: usize = 64 << 10;
/// Bytes that count as progress: a connection that gives fewer is one more failure, so that a registry that drips is
/// given up.
const PROGRESS: u64 = 256 << 10;

impl Registry {
    /// Gets the blob into the layout. `moved` is told how many of its bytes are there.
    pub(super) fn download(
        &self,
        layout: &Layout,
        blob: &Descriptor,
        what: &str,
        moved: &mut dyn FnMut(u64) -> Result<(), RegistryError>,
    ) -> Result<(), RegistryError> {
        let action = format!("pull {what} ({})", blob.digest);
        let mut writer = layout.writer()?;
        let mut failures = 0;
        let mut furthest = 0;
        while let Err(failure) = self.receive(&mut writer, blob, &action, moved) {
            let is_progress = writer.size() >= furthest + PROGRESS;
            failures = if is_progress { 1 } else { failures + 1 };
            if is_progress {
                furthest = writer.size();
            }
            self.wait_after(failure, failures, &action)?;
        }
        match writer.finish(Some(&blob.digest)) {
            Ok(_) => Ok(()),
            Err(OciError::Mismatch {
                expected, found, ..
            }) => Err(self.mismatch(what, blob, expected, found)),
            Err(error) => Err(error.into()),
        }
    }

    fn mismatch(
        &self,
        what: &str,
        blob: &Descriptor,
        expected: String,
        found: String,
    ) -> RegistryError {
        RegistryError::Mismatch {
            what: format!("{what} ({})", blob.digest),
            registry: self.reference.registry.clone(),
            expected,
            found,
        }
    }

    /// Receives what the writer does not have yet.
    fn receive(
        &self,
        writer: &mut BlobWriter,
        blob: &Descriptor,
        action: &str,
        moved: &mut dyn FnMut(u64) -> Result<(), RegistryError>,
    ) -> Result<(), Failure> {
        let start = writer.size();
        if start == blob.size {
            // The connection broke after the last byte, or there are none.
            return Ok(());
        }
        let uri = self.address(&format!("blobs/{}", blob.digest))?;
        let range = (start > 0).then(|| ("range", format!("bytes={start}-")));
        // What comes must be the blob's bytes, not a shorter form of them.
        let headers = range
            .into_iter()
            .chain([("accept-encoding", "identity".to_owned())])
            .collect();
        let call = Call {
            method: Method::GET,
            uri,
            headers,
            content: Content::Nothing,
            action: action.to_owned(),
        };
        let answer = self.send_once(&call)?;
        match answer.status() {
            StatusCode::OK => self.read_body(answer, writer, (blob, start), moved),
            StatusCode::PARTIAL_CONTENT => {
                let at = text(answer.headers(), "content-range").and_then(headers::part_start);
                if at != Some(start) {
                    return Err(self
                        .broke(action, "it sends another part than was asked for")
                        .into());
                }
                self.read_body(answer, writer, (blob, 0), moved)
            }
            StatusCode::NOT_FOUND => Err(Failure::Fatal(RegistryError::NotFound {
                registry: self.reference.registry.clone(),
                what: format!("blob {}, which the image's manifest names", blob.digest),
            })),
            _ => Err(self.refused(action, answer).into()),
        }
    }

    /// `skip` bytes are there already, from a registry that does not send parts.
    fn read_body(
        &self,
        answer: Response<Body>,
        writer: &mut BlobWriter,
        (blob, mut skip): (&Descriptor, u64),
        moved: &mut dyn FnMut(u64) -> Result<(), RegistryError>,
    ) -> Result<(), Failure> {
        let mut body = answer.into_body().into_reader();
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(broken(source)),
            };
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(count);
            skip -= skipped as u64;
            let fresh = &buffer[skipped..count];
            if writer.size() + fresh.len() as u64 > blob.size {
                let bytes = |count: u64| format!("{count} bytes long");
                let found = format!("longer than {}", blob.size);
                return Err(self
                    .mismatch("a blob", blob, bytes(blob.size), found)
                    .into());
            }
            writer
                .write_all(fresh)
                .map_err(|source| RegistryError::Blob {
                    blob: blob.digest.to_string(),
                    source,
                })?;
            moved(writer.size())?;
        }
        if writer.size() < blob.size {
            let why = format!("it ends after {} of {} bytes", writer.size(), blob.size);
            return Err(broken(io::Error::new(io::ErrorKind::UnexpectedEof, why)));
        }
        Ok(())
    }
}

fn broken(source: io::Error) -> Failure {
    Failure::Lost {
        source,
        status: None,
        detail: String::new(),
        wait: None,
    }
}
