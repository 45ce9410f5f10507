use super::core::{Core, CoreShape, Offer};

const SHAPE: CoreShape = CoreShape {
    ii: 1,
    input_beats: 1,
    code: 6,
    margin: 16,
    word_log2: 6,
    words_log2: 6,
    frames_log2: 5,
    output_log2: 6,
    limit_log2: 12,
    frame_events: 4,
    fixed: false,
    drop: false,
    lut_ram: false,
    held: 0,
};

#[test]
fn an_idle_core_comes_back_to_rest_after_every_frame() {
    for (output_log2, word_log2) in [(5, 6), (6, 6), (7, 7), (8, 8)] {
        let mut core = Core::new(CoreShape { output_log2, word_log2, ..SHAPE });
        let mut sent = 0;
        for now in 0..400 {
            let offer = (sent < 8).then_some(Offer { bits: 50, last: false });
            let step = core.cycle(offer, true);
            sent += u32::from(step.taken);
            if step.beat == Some(true) {
                println!("{now} {:?}", core.frame());
            }
        }
        assert!(core.is_idle(), "{core:#?}");
    }
}
