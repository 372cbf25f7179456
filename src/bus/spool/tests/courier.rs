//! A gate that copies half, renames, doubles, mixes up and loses.

use super::*;

#[tokio::test]
async fn parcels_pass_in_order_and_lane_by_lane_and_leave_once_the_inbox_has_them() {
    let gate = Gate::new(quick());
    let (a, b) = (gate.side("a"), gate.side("b"));
    publish(&a, vec![parcel(Lane::Live, 1), parcel(Lane::Control, 2), parcel(Lane::Live, 3)]).await;
    assert_eq!(gate.carry("a", "b"), 3);
    let live = take(&b, Lane::Live).await;
    assert_eq!(sequences(&live), [1, 3]);
    assert_eq!(live[0].parcel.frame, parcel(Lane::Live, 1).frame);
    assert_eq!((live[0].parcel.from.as_str(), live[0].parcel.hop.as_str()), ("a", "b"));
    assert!(take(&b, Lane::Live).await.is_empty(), "handed out once");
    assert_eq!(gate.names("b/in").len(), 3, "nothing leaves before the inbox has it");
    b.give_back(&node("b"), &[live[1].tag]).await.unwrap();
    let again = take(&b, Lane::Live).await;
    assert_eq!(sequences(&again), [3]);
    ack(&b, &live[..1]).await;
    ack(&b, &again).await;
    ack(&b, &take(&b, Lane::Control).await).await;
    assert_eq!((gate.names("b/in").len(), gate.names("b/done").len()), (0, 3));
    assert!(codes(&b).is_empty());
}

#[tokio::test]
async fn a_half_copied_file_waits_is_named_and_is_taken_when_it_is_whole() {
    let gate = Gate::new(Settings { patience: Duration::from_millis(80), ..quick() });
    let (a, b) = (gate.side("a"), gate.side("b"));
    publish(&a, vec![parcel(Lane::Live, 1)]).await;
    let name = gate.names("a/out").remove(0);
    let bytes = std::fs::read(gate.path("a/out").join(&name)).unwrap();
    let there = gate.path("b/in").join("copy.tmp");
    for half in [0, 5, 40, 400, bytes.len() - 1] {
        std::fs::write(&there, &bytes[..half]).unwrap();
        assert!(take(&b, Lane::Live).await.is_empty(), "{half} bytes of {}", bytes.len());
        assert!(codes(&b).is_empty(), "not named while it may still grow");
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(take(&b, Lane::Live).await.is_empty());
    assert_eq!(codes(&b), ["spool.incomplete"]);
    assert!(take(&b, Lane::Live).await.is_empty());
    assert!(codes(&b).is_empty(), "named once");
    std::fs::write(&there, &bytes).unwrap();
    let taken = take(&b, Lane::Live).await;
    assert_eq!(sequences(&taken), [1], "the rest came after all");
    ack(&b, &taken).await;
    assert!(gate.names("b/in").is_empty());
}

#[tokio::test]
async fn renamed_files_in_any_order_say_themselves_what_they_are() {
    let gate = Gate::new(quick());
    let (a, b) = (gate.side("a"), gate.side("b"));
    publish(&a, (1..=5).map(|n| parcel(Lane::Live, n)).collect()).await;
    for (n, name) in gate.names("a/out").into_iter().rev().enumerate() {
        let to = gate.path("b/in").join(format!("新建文件 ({n}).dat"));
        std::fs::rename(gate.path("a/out").join(name), to).unwrap();
    }
    let taken = take(&b, Lane::Live).await;
    assert_eq!(sequences(&taken), [1, 2, 3, 4, 5]);
    ack(&b, &taken).await;
    assert!(gate.names("b/in").is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn a_name_in_no_encoding_is_no_obstacle() {
    use std::os::unix::ffi::OsStringExt as _;
    let gate = Gate::new(quick());
    let (a, b) = (gate.side("a"), gate.side("b"));
    publish(&a, vec![parcel(Lane::Live, 1)]).await;
    let name = gate.names("a/out").remove(0);
    // 报文 in GBK, and a percent sign.
    let gbk = std::ffi::OsString::from_vec(b"\xb1\xa8\xce\xc4 100%41.dat".to_vec());
    std::fs::rename(gate.path("a/out").join(name), gate.path("b/in").join(gbk)).unwrap();
    let taken = take(&b, Lane::Live).await;
    assert_eq!(sequences(&taken), [1]);
    ack(&b, &taken).await;
    assert!(gate.names("b/in").is_empty());
    assert_eq!(gate.names("b/done").len(), 1);
}

#[tokio::test]
async fn doubles_are_one_parcel_and_a_late_double_is_put_away() {
    let gate = Gate::new(quick());
    let (a, b) = (gate.side("a"), gate.side("b"));
    publish(&a, vec![parcel(Lane::Live, 1)]).await;
    let name = gate.names("a/out").remove(0);
    let bytes = std::fs::read(gate.path("a/out").join(&name)).unwrap();
    let put = |name: &str| std::fs::write(gate.path("b/in").join(name), &bytes).unwrap();
    put("one");
    put("two");
    let taken = take(&b, Lane::Live).await;
    assert_eq!(sequences(&taken), [1]);
    put("three");
    assert!(take(&b, Lane::Live).await.is_empty(), "the third joins what is handed out");
    ack(&b, &taken).await;
    assert_eq!((gate.names("b/in").len(), gate.names("b/done").len()), (0, 3));
    put("four");
    assert!(take(&b, Lane::Live).await.is_empty(), "the gate brought it again");
    assert_eq!(gate.names("b/done").len(), 4);

    // The sender sends again because no receipt came: that is for the inbox to judge.
    publish(&a, vec![parcel(Lane::Live, 1)]).await;
    gate.carry("a", "b");
    assert_eq!(sequences(&take(&b, Lane::Live).await), [1]);
}

#[tokio::test]
async fn a_restart_forgets_nothing_that_was_not_acknowledged() {
    let gate = Gate::new(quick());
    let (a, b) = (gate.side("a"), gate.side("b"));
    publish(&a, vec![parcel(Lane::Live, 1), parcel(Lane::Live, 2)]).await;
    gate.carry("a", "b");
    let taken = take(&b, Lane::Live).await;
    ack(&b, &taken[..1]).await;
    drop(b);
    assert_eq!(sequences(&take(&gate.side("b"), Lane::Live).await), [2]);
}

#[tokio::test]
async fn large_parcels_go_in_parts_that_come_in_any_order_and_a_missing_one_is_named() {
    for form in [Form::Zst, Form::Zip] {
        let gate = Gate::new(Settings { form, max_file: PIECE_FILE_MIN, ..quick() });
        let (a, b) = (gate.side("a"), gate.side("b"));
        let mut large = parcel(Lane::Live, 1);
        large.frame = (0..50_000_u32).map(|n| ((n * 7) >> 2) as u8).collect::<Vec<u8>>().into();
        publish(&a, vec![large.clone(), parcel(Lane::Live, 2)]).await;
        let names = gate.names("a/out");
        assert_eq!(names.len(), 8, "{names:?}");
        for name in &names {
            let size = std::fs::metadata(gate.path("a/out").join(name)).unwrap().len();
            assert!(size <= PIECE_FILE_MIN as u64, "{name}: {size}");
        }
        let held = gate.path("held");
        std::fs::rename(gate.path("a/out").join(&names[3]), &held).unwrap();
        for (n, name) in names.iter().enumerate().rev().filter(|(n, _)| *n != 3) {
            let to = gate.path("b/in").join(format!("{n}.dat"));
            std::fs::rename(gate.path("a/out").join(name), to).unwrap();
        }
        let first = take(&b, Lane::Live).await;
        assert_eq!(sequences(&first), [2], "the whole one does not wait for the other");
        let troubles = b.troubles(&node("b"));
        assert_eq!(troubles.len(), 1);
        assert_eq!((troubles[0].code, &*troubles[0].detail), ("spool.part_missing", "part 4 of 7"));
        assert!(troubles[0].subject.contains("a/1/b|"), "{troubles:?}");
        std::fs::rename(&held, gate.path("b/in").join("late")).unwrap();
        let second = take(&b, Lane::Live).await;
        assert_eq!(sequences(&second), [1]);
        assert_eq!(second[0].parcel.frame, large.frame);
        ack(&b, &second).await;
        ack(&b, &first).await;
        assert_eq!((gate.names("b/in").len(), gate.names("b/done").len()), (0, 8));
    }
}

#[tokio::test]
async fn a_repeated_file_survives_the_loss_of_all_but_one_copy() {
    let gate = Gate::new(Settings { repeat: 3, max_file: PIECE_FILE_MIN, ..quick() });
    let (a, b) = (gate.side("a"), gate.side("b"));
    let mut large = parcel(Lane::Live, 1);
    large.frame = vec![9; 20_000].into();
    publish(&a, vec![large]).await;
    let names = gate.names("a/out");
    assert_eq!(names.len(), 9, "three parts, three copies: {names:?}");
    // Of each part another copy survives.
    for (n, name) in names.iter().enumerate() {
        if n / 3 != n % 3 {
            std::fs::remove_file(gate.path("a/out").join(name)).unwrap();
        }
    }
    assert_eq!(gate.carry("a", "b"), 3);
    assert_eq!(sequences(&take(&b, Lane::Live).await), [1]);
}

#[tokio::test]
async fn a_gate_that_takes_its_time_is_not_buried() {
    let gate = Gate::new(Settings { files_per_minute: 2, ..quick() });
    let a = gate.side("a");
    let said = a.publish((1..=4).map(|n| parcel(Lane::Live, n)).collect()).await.unwrap();
    let pace = Confirmation::Nacked("spool.pace");
    assert_eq!(said, [Confirmation::Confirmed, Confirmation::Confirmed, pace.clone(), pace]);
    assert_eq!(gate.names("a/out").len(), 2);

    let gate = Gate::new(Settings { out_files_max: 2, ..quick() });
    let a = gate.side("a");
    let said = a.publish((1..=3).map(|n| parcel(Lane::Live, n)).collect()).await.unwrap();
    assert_eq!(said[2], Confirmation::Nacked("bus.full"));
    gate.side("b");
    gate.carry("a", "b");
    publish(&a, vec![parcel(Lane::Live, 3)]).await;
}

#[tokio::test]
async fn nothing_is_confirmed_without_a_link_or_a_folder() {
    let gate = Gate::new(quick());
    let a = gate.side("a");
    let mut stray = parcel(Lane::Live, 1);
    stray.hop = node("c");
    assert_eq!(a.publish(vec![stray]).await.unwrap(), [Confirmation::Returned]);
    let is = |bus: &SpoolBus| bus.health().remove(0).condition;
    std::fs::remove_dir_all(gate.path("a/out")).unwrap();
    let said = a.publish(vec![parcel(Lane::Live, 1)]).await.unwrap();
    assert_eq!(said, [Confirmation::Unreachable("spool.unreachable")]);
    assert!(matches!(is(&a), Condition::Down { code: "spool.unreachable", .. }));
    std::fs::create_dir(gate.path("a/out")).unwrap();
    publish(&a, vec![parcel(Lane::Live, 1)]).await;
    assert_eq!(is(&a), Condition::Up);

    // The incoming side gone: nothing comes, nobody else is held up, and it is said.
    let b = gate.side("b");
    std::fs::remove_dir_all(gate.path("b/in")).unwrap();
    assert!(take(&b, Lane::Live).await.is_empty());
    assert!(matches!(is(&b), Condition::Down { .. }), "{:?}", b.health());
    std::fs::create_dir(gate.path("b/in")).unwrap();
    gate.carry("a", "b");
    assert_eq!(sequences(&take(&b, Lane::Live).await), [1]);
    assert_eq!(is(&b), Condition::Up);
}
