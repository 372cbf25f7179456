//! A death at every step of writing and of putting away: nothing is lost, nothing half is left.

use super::*;

fn large(sequence: u64) -> Parcel {
    let mut large = parcel(Lane::Live, sequence);
    large.frame = (0..30_000_u64).map(|n| ((n * sequence) >> 1) as u8).collect::<Vec<u8>>().into();
    large
}

fn in_parts() -> Settings {
    Settings { max_file: PIECE_FILE_MIN, ..quick() }
}

#[tokio::test]
async fn while_writing_the_same_parcel_is_written_again() {
    let mut deaths = 0;
    for step in 0.. {
        let gate = Gate::new(in_parts());
        let parcels = || vec![large(1), parcel(Lane::Live, 2)];
        let said = match gate.dying("a", step) {
            Some(a) => a.publish(parcels()).await.unwrap(),
            None => Vec::new(),
        };
        let done = said.iter().filter(|s| **s == Confirmation::Confirmed).count();
        let b = gate.side("b");
        if done < 2 {
            deaths += 1;
            // Whatever lay there is carried; the temporary files are not, and go at the start.
            gate.side("a");
            let left = gate.names("a/out");
            assert!(left.iter().all(|n| !n.starts_with('.')), "step {step}: {left:?}");
            gate.carry("a", "b");
            let early = take(&b, Lane::Live).await;
            assert!(early.len() >= done, "step {step}: what is confirmed is there");
            ack(&b, &early).await;
            publish(&gate.side("a"), parcels()).await;
        }
        gate.carry("a", "b");
        let taken = take(&b, Lane::Live).await;
        assert_eq!(sequences(&taken), [1, 2], "step {step}");
        assert_eq!(taken[0].parcel.frame, large(1).frame);
        ack(&b, &taken).await;
        assert!(gate.names("b/in").is_empty(), "step {step}: {:?}", gate.names("b/in"));
        if done == 2 {
            break;
        }
    }
    assert!(deaths > 15, "{deaths} steps were tried");
}

#[tokio::test]
async fn while_putting_away_the_parcel_comes_again_or_is_wholly_gone() {
    let mut deaths = 0;
    for step in 0.. {
        let gate = Gate::new(in_parts());
        publish(&gate.side("a"), vec![large(1), parcel(Lane::Live, 2)]).await;
        gate.side("b");
        gate.carry("a", "b");
        let Some(b) = gate.dying("b", step) else { continue };
        let taken = take(&b, Lane::Live).await;
        assert_eq!(sequences(&taken), [1, 2]);
        let tags: Vec<u64> = taken.iter().map(|d| d.tag).collect();
        let died = b.ack(&node("b"), &tags).await.is_err();
        drop(b);
        let b = gate.side("b");
        let again = take(&b, Lane::Live).await;
        ack(&b, &again).await;
        assert!(codes(&b).is_empty(), "step {step}: no part is left alone");
        assert!(gate.names("b/in").is_empty(), "step {step}: {:?}", gate.names("b/in"));
        let done = gate.names("b/done");
        assert_eq!(done.len(), 5, "step {step}: {done:?}");
        if !died {
            assert!(again.is_empty());
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 8, "{deaths} steps were tried");
}
