# Stands in for Vitis HLS and Vivado HLS: the commands that hls4ml's build_prj.tcl uses, with g++
# for the simulators. What it is given as a test bench is built and run, from a folder that holds
# the test bench's data as the vendor's does; synthesis leaves an empty folder.

proc open_project {args} { set ::project [lindex $args end] }
proc set_top {name} { set ::top $name }
proc add_files {args} {
    if {[lindex $args 0] eq "-tb"} {
        set ::bench([lindex $args 1]) [lrange $args 2 end]
    } else {
        set ::design [lindex $args 0]
    }
}
foreach name {open_solution config_array_partition config_compile set_part config_schedule
              create_clock set_clock_uncertainty} {
    proc $name {args} {}
}

proc run_bench {folder flags} {
    set home [pwd]
    file mkdir $folder
    foreach name [array names ::bench] {
        if {[file isdirectory $name]} {
            file delete -force $folder/[file tail $name]
            file link -symbolic $folder/[file tail $name] $home/$name
        } else {
            set sources $name
        }
    }
    exec g++ -O1 -DNDEBUG -std=c++11 -w {*}$flags -I. -Ifirmware/ap_types \
        $::design $sources -o $folder/bench >@ stdout 2>@ stdout
    cd $folder
    exec ./bench >@ stdout
    cd $home
}

proc csim_design {args} { run_bench $::project/solution1/csim/build {} }
proc csynth_design {args} { file mkdir $::project/solution1/syn/verilog }
proc cosim_design {args} {
    set sim $::project/solution1/sim
    file mkdir $sim/verilog $sim/report
    close [open $sim/verilog/$::top.tcl w]
    close [open $sim/report/${::top}_cosim.rpt w]
    set script [open $sim/verilog/run_sim.tcl w]
    puts $script "cd $::env(PROJECT_HOME); run_bench $sim/wrapc -DRTL_SIM"
    close $script
}

source build_prj.tcl
