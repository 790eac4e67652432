//! Progress over WebSocket.

use serde_json::{Value, json};

use crate::needs::client::Session;
use crate::needs::{started, upload_both};

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_told_in_order_and_replayed_from_any_replica() {
    let Some((needs, first)) = tokio::task::block_in_place(started) else {
        return;
    };
    let (session, second, id) = tokio::task::block_in_place(|| {
        let session = Session::login(&first.address, "preparer");
        let (left, right) = upload_both(&needs, &session, "1000");
        let id = session.run(&left, &right)["id"]
            .as_str()
            .unwrap()
            .to_owned();
        (session, needs.replica("b"), id)
    });
    let greeting = |seq: u64| json!({"token": session.token, "last_seq": seq}).to_string();
    let (frames, code) = watch(&second.address, &id, &greeting(0)).await;
    assert_eq!(code, 1000);
    let number = |frame: &Value, name: &str| frame[name].as_u64().unwrap();
    for (nth, frame) in frames.iter().enumerate() {
        assert_eq!(number(frame, "seq"), nth as u64 + 1);
    }
    assert!(frames.is_sorted_by_key(|frame| number(frame, "processed")));
    let last = frames.last().unwrap();
    assert_eq!(last["type"], "done");
    assert_eq!(number(last, "processed"), number(last, "total"));
    let (rest, _) = watch(&first.address, &id, &greeting(2)).await;
    assert_eq!(rest, frames[2..]);
    assert_eq!(
        watch(&first.address, &id, r#"{"token":"x"}"#).await,
        (Vec::new(), 4401)
    );
    let unknown = "00000000-0000-7000-8000-000000000000";
    assert_eq!(
        watch(&first.address, unknown, &greeting(0)).await,
        (Vec::new(), 4404)
    );
}

/// All frames until the close, and its code.
async fn watch(address: &str, run: &str, greeting: &str) -> (Vec<Value>, u16) {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::Message;
    let url = format!("ws://{address}/ws/v1/runs/{run}");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    socket.send(Message::text(greeting)).await.unwrap();
    let mut frames = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => frames.push(serde_json::from_str(&text).unwrap()),
            Message::Close(Some(frame)) => return (frames, frame.code.into()),
            _ => {}
        }
    }
    (frames, 0)
}
