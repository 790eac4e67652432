//! Bytes both ways between two streams, each way in its own time: an end that has nothing more to say is told to the
//! other, and may still be answered.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use super::life::Life;

/// What is read at once and waits for the other end to take it: a record of TLS. This, and what the kernel keeps of the
/// two sockets, is all that is held for an end that does not read; then the other one has to wait.
pub(super) const BUFFER: usize = 16 * 1024;

/// The two halves of a stream.
pub(super) type Halves<R, W> = (R, W);

/// Carries until both have closed. An error, or a time of quiet, ends both ways at once; the caller closes the streams.
///
/// `ending` becomes true when the program has ended: then what it has said is passed on, and nothing is waited for.
pub(super) async fn carry<NearRead, NearWrite, FarRead, FarWrite>(
    near: Halves<NearRead, NearWrite>,
    far: Halves<FarRead, FarWrite>,
    mut ending: watch::Receiver<bool>,
) -> io::Result<()>
where
    NearRead: AsyncRead + Unpin,
    NearWrite: AsyncWrite + Unpin,
    FarRead: AsyncRead + Unpin,
    FarWrite: AsyncWrite + Unpin,
{
    let life = Life::new();
    let out = async {
        let carried = pump(near.0, far.1, &life).await;
        life.has_said();
        carried
    };
    let back = pump(far.0, near.1, &life);
    let farewell = async {
        // Without a sender there is nobody left who could wait.
        let _ = ending.wait_for(|ending| *ending).await;
        life.until_said().await;
    };
    tokio::select! {
        both = async { tokio::try_join!(out, back) } => both.map(|((), ())| ()),
        () = life.until_quiet() => Err(io::ErrorKind::TimedOut.into()),
        () = farewell => Ok(()),
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    life: &Life,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = from.read(&mut buffer).await?;
        life.moved();
        if count == 0 {
            life.half_closed();
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
        life.moved();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{DuplexStream, duplex, split};
    use tokio::time::timeout;

    use super::*;

    /// A program and a server, each with its end of a stream of so many bytes, and the relay between them.
    fn between(
        room: usize,
    ) -> (
        DuplexStream,
        DuplexStream,
        watch::Sender<bool>,
        tokio::task::JoinHandle<io::Result<()>>,
    ) {
        let ((program, near), (far, server)) = (duplex(room), duplex(room));
        let (end, ending) = watch::channel(false);
        let carried = tokio::spawn(async move { carry(split(near), split(far), ending).await });
        (program, server, end, carried)
    }

    #[tokio::test]
    async fn an_end_that_has_said_all_is_still_answered() {
        let (mut program, mut server, _end, carried) = between(64);
        program.write_all(b"question").await.unwrap();
        program.shutdown().await.unwrap();
        let mut heard = Vec::new();
        server.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"question");
        server.write_all(b"answer").await.unwrap();
        server.shutdown().await.unwrap();
        heard.clear();
        program.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"answer");
        assert!(carried.await.unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_never_reads_makes_the_other_wait() {
        const ROOM: usize = 64 << 10;
        let (_program, mut server, _end, _carried) = between(ROOM);
        let mut said = 0;
        let piece = [1; 1024];
        while let Ok(written) = timeout(Duration::from_secs(1), server.write(&piece)).await {
            said += written.unwrap();
            assert!(said <= 2 * ROOM + BUFFER, "{said} bytes were taken");
        }
        assert!(said >= 2 * ROOM, "it waits before both are full: {said}");
    }

    #[tokio::test]
    async fn what_a_program_said_before_it_ended_arrives_and_nothing_is_waited_for() {
        let (mut program, mut server, end, carried) = between(4);
        let saying = async {
            program.write_all(b"the last word").await.unwrap();
            drop(program);
            end.send(true).unwrap();
        };
        let mut heard = [0; 13];
        let (heard_all, ()) = tokio::join!(server.read_exact(&mut heard), saying);
        heard_all.unwrap();
        assert_eq!(&heard, b"the last word");
        // The server does not close, and it is over all the same.
        assert!(carried.await.unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_on_which_nothing_moves_ends() {
        let (_program, _server, _end, carried) = between(64);
        let error = carried.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
