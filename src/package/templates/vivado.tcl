# @top@ alone in Vivado, out of context: synthesis, place, route, reports. Run it anywhere:
#   vivado -mode batch -source scripts/vivado.tcl [-tclargs PART]
set part [expr {$argc > 0 ? [lindex $argv 0] : "@vivado_part@"}]
set root [file dirname [file dirname [file normalize [info script]]]]
set out  [file join [pwd] vivado_@top@]
file mkdir $out

foreach name {@sources@} {
    read_verilog [file join $root $name]
}
read_xdc -mode out_of_context [file join $root constraints @top@.xdc]

synth_design -top @top@ -part $part -mode out_of_context -flatten_hierarchy rebuilt
opt_design
place_design
phys_opt_design
route_design

report_utilization -hierarchical -file [file join $out utilization.txt]
report_timing_summary -max_paths 10 -file [file join $out timing.txt]
report_cdc -file [file join $out cdc.txt]
write_checkpoint -force [file join $out routed.dcp]

set slack [get_property SLACK [get_timing_paths -delay_type max]]
puts "@top@ on $part: worst setup slack $slack ns at @clock_mhz@ MHz"
if {$slack < 0} {
    exit 1
}
