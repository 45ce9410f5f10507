use super::*;

fn formats() -> Vec<QFormat> {
    vec![QFormat::signed(5, 2), QFormat::unsigned(7, 0), QFormat::signed(14, 3)]
}

/// Small numbers mostly, all numbers sometimes.
fn events(n: usize, seed: u64) -> Vec<Vec<i64>> {
    let mut state = seed;
    let mut draw = move |bits: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> (64 - bits)) as i64
    };
    let mut number = move |f: &QFormat| {
        let v = QFormat::min(*f) + draw(f.width);
        if draw(3) == 0 { v } else { v / (1 << (f.width - 2)) }
    };
    (0..n).map(|_| formats().iter().map(&mut number).collect()).collect()
}

fn learned(options: &LearnOptions) -> Link {
    Link::learn(&formats(), events(500, 1).iter().map(Vec::as_slice), options).unwrap()
}

#[test]
fn events_come_back_from_frames_with_numbers_crossings_and_losses() {
    for (prefix, zero, frame_events) in [(true, false, 7), (true, true, 1), (false, true, 64), (false, false, 3)] {
        let options = LearnOptions { prefix, zero_suppression: Some(zero), frame_events, ..Default::default() };
        let link = learned(&options);
        let sent = events(1000, 2);
        let mut writer = FrameWriter::new(&link);
        let mut lost = 0;
        for (i, event) in sent.iter().enumerate() {
            if i % 50 >= 45 {
                writer.lost(i as u16);
                lost += 1;
            } else {
                writer.event(event, i as u16, i % 97 == 0).unwrap();
            }
        }
        let bytes = writer.finish();
        let (frames, damages) = read_frames(&link, &bytes);
        assert!(damages.is_empty(), "{damages:?}");
        let mut next = 0;
        for frame in &frames {
            assert_eq!((frame.header.event, frame.header.crossing), (next as u32, next as u16));
            for event in &frame.events {
                assert_eq!(*event, sent[next]);
                next += 1;
            }
            assert!(frame.events.len() <= usize::from(frame_events));
            next += usize::from(frame.header.lost);
            lost -= usize::from(frame.header.lost);
        }
        assert_eq!((next, lost), (sent.len(), 0));
    }
}

#[test]
fn a_long_payload_ends_its_frame_after_the_limit() {
    let link = Link { frame_limit_log2: 9, ..learned(&LearnOptions { frame_events: 10_000, ..Default::default() }) };
    link.check().unwrap();
    let mut writer = FrameWriter::new(&link);
    let sent = events(3000, 3);
    sent.iter().for_each(|e| writer.event(e, 0, false).unwrap());
    let (frames, damages) = read_frames(&link, &writer.finish());
    assert!(damages.is_empty() && frames.len() > 20);
    let mut coder = link.coder();
    for frame in &frames[..frames.len() - 1] {
        let bits: Vec<u32> = frame.events.iter().map(|e| coder.bits(e)).collect();
        let before: u32 = bits[..bits.len() - 1].iter().sum();
        assert!(before >= 512 && before - bits[bits.len() - 2] < 512, "{before}");
    }
}

#[test]
fn damage_costs_the_frames_that_it_hits_and_no_others() {
    let link = learned(&LearnOptions { frame_events: 5, ..Default::default() });
    let mut writer = FrameWriter::new(&link);
    let sent = events(500, 4);
    sent.iter().for_each(|e| writer.event(e, 0, false).unwrap());
    let bytes = writer.finish();
    let (good, _) = read_frames(&link, &bytes);
    for at in (0..bytes.len()).step_by(61) {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1 << (at % 8);
        let (frames, damages) = read_frames(&link, &wrong);
        let hit = good.iter().rposition(|f| f.offset <= at).unwrap();
        let expected: Vec<&Received> = good.iter().enumerate().filter(|(i, _)| *i != hit).map(|(_, f)| f).collect();
        assert_eq!(frames.iter().collect::<Vec<_>>(), expected);
        let end = good.get(hit + 1).map_or(bytes.len(), |f| f.offset);
        assert_eq!(damages.iter().map(|d| d.bytes.clone()).collect::<Vec<_>>(), [good[hit].offset..end]);
    }
    // Cut within the last frame; a byte too many before the first.
    let (frames, damages) = read_frames(&link, &bytes[..bytes.len() - 1]);
    assert_eq!((frames.len(), damages.len()), (good.len() - 1, 1));
    let (frames, damages) = read_frames(&link, &[&[SYNC], &bytes[..]].concat());
    assert_eq!((frames.len(), damages.len()), (good.len(), 1));
    // Of another link.
    let other = learned(&LearnOptions { frame_events: 6, ..Default::default() });
    let (frames, damages) = read_frames(&other, &bytes);
    assert!(frames.is_empty() && damages[0].cause.contains("a frame of link"), "{damages:?}");
}

#[test]
fn learned_codes_take_fewer_bits_and_zeros_are_suppressed_where_it_pays() {
    let sum = |link: &Link| events(500, 1).iter().map(|e| u64::from(link.coder().bits(e))).sum::<u64>();
    let fixed = sum(&learned(&LearnOptions { prefix: false, zero_suppression: Some(false), ..Default::default() }));
    let choice = |zero| sum(&learned(&LearnOptions { zero_suppression: zero, ..Default::default() }));
    assert_eq!(fixed, 500 * 26);
    assert!(choice(Some(false)) < fixed * 9 / 10);
    assert_eq!(choice(None), choice(Some(false)).min(choice(Some(true))));
    let sparse: Vec<Vec<i64>> = (0..200).map(|i| (0..3).map(|k| i64::from(i % 40 == k)).collect()).collect();
    let link = Link::learn(
        &formats(),
        sparse.iter().map(Vec::as_slice),
        &LearnOptions { prefix: false, ..Default::default() },
    );
    assert!(link.unwrap().zero_suppression);
}

#[test]
fn numbers_outside_their_format_and_events_of_another_length_are_refused() {
    let link = learned(&LearnOptions::default());
    let mut writer = FrameWriter::new(&link);
    assert_eq!(writer.event(&[16, 0, 0], 0, false).unwrap_err().code(), Code::FormatRange);
    assert_eq!(writer.event(&[1, 0], 0, false).unwrap_err().code(), Code::DataShape);
    let bad = |link: Link| link.check().unwrap_err().to_string();
    assert!(bad(Link { schema: "other/1".into(), ..link.clone() }).contains("is not `sluice.link/1`"));
    assert!(bad(Link { frame_limit_log2: 30, ..link.clone() }).contains("outside 9 to 18"));
    let mut wrong = link.clone();
    let NumberCode::Prefix(code) = &mut wrong.numbers[1].code else { panic!() };
    code.lengths.fill(3);
    assert!(bad(wrong).contains("the lengths of number 1 are no prefix code"));
}

#[test]
fn losses_that_no_header_can_count_are_told_by_the_next_number() {
    let link = learned(&LearnOptions::default());
    let mut writer = FrameWriter::new(&link);
    let sent = events(2, 5);
    writer.event(&sent[0], 0, false).unwrap();
    (0..70_000).for_each(|_| writer.lost(0));
    writer.event(&sent[1], 7, false).unwrap();
    let (frames, damages) = read_frames(&link, &writer.finish());
    assert!(damages.is_empty());
    let [first, second] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!((first.header.events, first.header.lost), (1, 65_535));
    assert_eq!((second.header.event, second.header.crossing), (70_001, 7));
}

#[test]
fn frames_of_a_fixed_size_cut_what_does_not_fit_and_say_so() {
    let options = LearnOptions { fixed_bits: Some(96), ..Default::default() };
    let wide = vec![QFormat::signed(14, 0); 4];
    let sent: Vec<Vec<i64>> = (0..600).map(|i| (0..4).map(|k| (i * 37 + k * 11) % (1 << (i % 13))).collect()).collect();
    let link = Link::learn(&wide, sent.iter().map(Vec::as_slice), &options).unwrap();
    assert_eq!(link.numbers[0].code, NumberCode::Fixed);
    let mut writer = FrameWriter::new(&link);
    for (i, event) in sent.iter().enumerate() {
        if i % 50 == 3 { writer.lost(i as u16) } else { writer.event(event, i as u16, i % 5 == 0).unwrap() }
    }
    let bytes = writer.finish();
    assert_eq!(bytes.len(), sent.len() * 12);
    let (frames, damages) = read_frames(&link, &bytes);
    assert!(damages.is_empty(), "{damages:?}");
    let mut cut = 0;
    for (i, (frame, event)) in frames.iter().zip(&sent).enumerate() {
        assert_eq!((frame.header.event, frame.header.crossing), (i as u32, i as u16 & 0xfff));
        if i % 50 == 3 {
            assert_eq!((frame.header.events, frame.header.lost, frame.events.len()), (0, 1, 0));
            continue;
        }
        let kept = 4 - frame.missing;
        assert_eq!(frame.events[0][..kept], event[..kept]);
        assert!(frame.events[0][kept..].iter().all(|v| *v == 0));
        cut += usize::from(frame.missing > 0);
    }
    // 32 bits of payload, or with zeros suppressed those behind a bitmap, do not hold four numbers of 14.
    assert!(cut > 100, "{cut}");
    // Damage costs one frame, and what is lost is found by the next number.
    let mut wrong = bytes.clone();
    wrong[12 * 300 + 5] ^= 1;
    let (left, damages) = read_frames(&link, &wrong);
    assert_eq!((left.len(), damages.len()), (frames.len() - 1, 1));
    assert_eq!(left[300].header.event, 301);
}

#[test]
fn waveforms_come_back_and_start_anew_with_each_frame() {
    let lanes: Vec<(QFormat, Vec<Vec<i64>>)> = [(QFormat::unsigned(12, 0), 40.0), (QFormat::signed(9, 0), 7.0)]
        .map(|(format, step)| {
            let wave = |r: usize| (0..500).map(|i| ((i as f64 / step).sin() * 100.0) as i64 + r as i64 + 100).collect();
            (format, (0..6).map(wave).collect())
        })
        .into();
    for (frame_events, bound) in [(8192, 0), (200, 0), (500, 3)] {
        let options = WaveOptions { frame_events, bound, ..Default::default() };
        let link = Link::learn_waveforms(&lanes, &options).unwrap();
        assert_eq!(usize::from(link.frame_events), if frame_events == 200 { 167 } else { 500 });
        let mut writer = FrameWriter::new(&link);
        let events: Vec<Vec<i64>> = (0..6)
            .flat_map(|r| (0..500).map(move |i| (r, i)))
            .map(|(r, i)| lanes.iter().map(|l| l.1[r][i]).collect())
            .collect();
        events.iter().enumerate().for_each(|(i, e)| writer.event(e, 0, i % 500 == 499).unwrap());
        let bytes = writer.finish();
        assert!(bytes.len() < events.len() * 21 / 8 / 2, "{}", bytes.len());
        let (frames, damages) = read_frames(&link, &bytes);
        assert!(damages.is_empty(), "{damages:?}");
        let back: Vec<&Vec<i64>> = frames.iter().flat_map(|f| &f.events).collect();
        assert_eq!(back.len(), events.len());
        for (event, back) in events.iter().zip(back) {
            assert!(event.iter().zip(back).all(|(a, b)| (a - b).unsigned_abs() <= u64::from(bound)));
        }
        // Each frame stands alone.
        let alone = &bytes[frames[1].offset..frames[2].offset];
        assert_eq!(read_frames(&link, alone).0[0].events, frames[1].events);
    }
}
