//! A submitted request takes nothing of the other phone's edits, whatever their stamps, and keeps them readable.

use serde_json::json;
use sync_core::hlc::Stamp;
use tests::{Phone, Server, Since, both_engines, wall_ms};

async fn a_submitted_request_takes_nothing_of_the_other_phone(server: &Server) {
    let person = server.sales().await;
    let (mut one, mut two) = (Phone::of(person.clone()), Phone::of(person));
    let id = one.new_id();
    let mut fields = server.complete().await;
    fields["justification"] = json!("Sealed text");
    let draft = one.upsert(id, fields);
    let heads = json!([draft["hlc"]]);
    one.sync([draft]).await;
    two.since = Since::Beginning;
    two.pull().await;

    // Typed offline before the submit: lesser stamps than the submit's, greater than the fields'.
    let before = two.upsert(id, json!({"title": "Typed before the submit"}));
    let text = two.upsert(
        id,
        json!({"justification": {"text": "Sealed text, or not", "base": heads}}),
    );
    let unset = two.upsert(id, json!({"neededBy": "2026-12-24"}));
    let clear = two.upsert(id, json!({"amount": null}));
    let submit = one.submit(id);
    assert_eq!(one.sync([submit]).await.verdicts(), ["applied"]);
    let sealed = one.look(id).await.body;

    let near = Stamp::new(wall_ms() + 30_000, 0, two.clock.node()).unwrap();
    let past = Stamp::new(1, 0, two.clock.node()).unwrap();
    let items = [
        before,
        text,
        unset,
        clear,
        two.upsert(id, json!({"title": "Typed after the submit"})),
        two.upsert_at(id, near, json!({"title": "From the near future"})),
        two.upsert_at(id, past, json!({"region": "From 1970"})),
        two.delete(id),
    ];
    let reply = two.sync(items).await;
    assert_eq!(reply.verdicts(), ["rejected/locked"; 8]);
    for number in 0..8 {
        assert_eq!(
            reply.result(number)["record"],
            sealed,
            "the canonical record comes along"
        );
    }
    assert_eq!(one.look(id).await.body, sealed);
    let told = serde_json::to_string(&two.story(id).await).unwrap();
    for kept in [
        "Typed before the submit",
        "Sealed text, or not",
        "2026-12-24",
        "Typed after the submit",
        "From the near future",
        "From 1970",
    ] {
        assert!(told.contains(kept), "{kept} can be read again in {told}");
    }
    // The phone that lost hears of the seal.
    assert_eq!(two.store[&id], sealed);
}

async fn edits_and_submits_of_two_phones_at_once_seal_one_content(server: &Server) {
    let person = server.sales().await;
    let (mut one, mut two) = (Phone::of(person.clone()), Phone::of(person));
    let fields = server.complete().await;
    for _ in 0..10 {
        let id = one.new_id();
        let draft = one.upsert(id, fields.clone());
        one.sync([draft]).await;
        let edits: Vec<_> = (0..5)
            .map(|n| two.upsert(id, json!({"title": format!("Edit {n}")})))
            .collect();
        let submit = one.submit(id);
        let (sealed, edited) = tokio::join!(one.sync([submit]), two.sync(edits));
        assert_eq!(sealed.verdicts(), ["applied"]);
        let sealed = &sealed.result(0)["record"];
        let now = one.look(id).await.body;
        assert_eq!(&now, sealed, "nothing came after the seal");
        // One transaction a batch: all of the edits came before the seal, or none.
        let verdicts = edited.verdicts();
        let expected = if now["title"] == "Edit 4" {
            "applied"
        } else {
            "rejected/locked"
        };
        assert!(
            verdicts.iter().all(|verdict| verdict == expected),
            "{verdicts:?} under {now}"
        );
    }
}

both_engines!(
    a_submitted_request_takes_nothing_of_the_other_phone,
    edits_and_submits_of_two_phones_at_once_seal_one_content,
);
