//! Bytes that go to an archive, and then from here.

use super::office::*;
use super::provider::run;
use crate::*;

#[test]
fn own_envelopes_are_listed_closed_once_final_and_give_back_only_then() {
    run(async |bench| {
        let county = Office::open(&bench, "county").await;
        let s = &county.store;
        county.collect(t0(), vec![record("SB", "A", 1)]).await;
        let first = county.seal(t0()).await;
        county.collect(t0(), vec![record("SB", "B", 1)]).await;
        let second = county.seal(t0()).await;
        county.settle(&second, &[], &[id("SB", "B", 1)], t0().plus(MINUTE)).await;

        let rows = s.archive_rows(ArchiveSide::Own, 0, &[], 9).await.unwrap();
        let shown: Vec<_> = rows.iter().map(|r| (&r.id, r.closed)).collect();
        assert_eq!(shown, [(&first, false), (&second, true)]);
        assert!(rows[0].number < rows[1].number);
        assert_eq!(rows[0].day, t0().day());
        let above = s.archive_rows(ArchiveSide::Own, rows[1].number, &[rows[0].number], 9).await;
        assert_eq!(above.unwrap().len(), 1, "what was passed is asked for by its number");
        assert_eq!(s.archive_rows(ArchiveSide::Own, 0, &[], 1).await.unwrap().len(), 1);

        let both = [first.clone(), second.clone()];
        let released = s.release_frames(ArchiveSide::Own, &both).await.unwrap();
        assert_eq!(released.envelopes, 1, "the first is not final");
        assert!(released.bytes > 0);
        assert!(s.frames(&first).await.unwrap().is_some());
        assert!(s.frames(&second).await.unwrap().is_none());
        assert_eq!(county.place(&id("SB", "B", 1)).await, Some(Place::Accepted));
        let left = s.archive_rows(ArchiveSide::Own, 0, &[], 9).await.unwrap();
        assert_eq!(left.iter().map(|r| &r.id).collect::<Vec<_>>(), [&first]);
        let again = s.release_frames(ArchiveSide::Own, &both).await.unwrap();
        assert_eq!(again, Released::default());
        county.settle(&first, &[], &[id("SB", "A", 1)], t0().plus(MINUTE)).await;
        county.assert_conserved().await;
    });
}

#[test]
fn a_judged_envelope_is_closed_with_its_receipt_and_keeps_all_but_its_bytes() {
    run(async |bench| {
        let province = Office::open(&bench, "province").await;
        let s = &province.store;
        let envelope = sent_by("county", "province", 1);
        let records = [id("SB", "A", 1)];
        let inbox_id = province.arrive("records", &envelope, t0()).await;
        let judged = judged(inbox_id, &envelope, &records, t0());
        s.commit_judged(&province.lease, judged).await.unwrap();
        let row =
            async || s.archive_rows(ArchiveSide::Received, 0, &[], 9).await.unwrap().remove(0);
        let before = row().await;
        assert_eq!((&before.id, before.closed, before.judged), (&envelope, false, Some(t0())));
        province.seal_control(t0()).await;
        assert!(row().await.closed, "its receipt is sealed");
        assert!(s.frames(&envelope).await.unwrap().unwrap().receipt.is_some());

        let ids = std::slice::from_ref(&envelope);
        assert_eq!(s.release_frames(ArchiveSide::Own, ids).await.unwrap().envelopes, 0);
        assert_eq!(s.release_frames(ArchiveSide::Received, ids).await.unwrap().envelopes, 1);
        assert!(s.frames(&envelope).await.unwrap().is_none());
        assert!(s.archive_rows(ArchiveSide::Received, 0, &[], 9).await.unwrap().is_empty());
        assert!(s.judged_after(0, 9).await.unwrap().is_empty(), "a sink cannot be given it again");
        assert_eq!(s.kept_cases(&["A@unit"]).await.unwrap().len(), 1);
        assert!(s.admission(&envelope).await.unwrap().is_some(), "it is still known");
        let space = s.space().await.unwrap();
        assert!(space.free <= space.bytes);
    });
}
