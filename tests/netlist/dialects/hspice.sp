$ this title line starts with a dollar sign
.option post=2 ingold=2 scale=1u
.param wn='2*lambda' lambda=0.1 $ trailing comment
+      rsel='(wn > 0.1) ? 1k : 2k'
.hdl "model.va"
.prot
anything may stand here ( { '
.unprot
.lib 'hspice.lib' tt
.temp 25
.global vdd gnd!
vsup vdd 0 dc='1.8*1.0'
r1 vdd out r='rsel' tc1=1e-3
m1 out in 0 0 nch w='wn*10' l=0.18 ad='wn*0.5' as = 1
xinv in out vdd inv wp=2 wn=1
.subckt inv in out vdd wp=1 wn=1
mp out in vdd vdd pch w=wp l=0.18
mn out in 0 0 nch w=wn l=0.18
.ends
r2 out 0 5x $ x is mega in HSPICE, a unit letter elsewhere
.measure tran delay trig v(in) val=0.9 rise=1 targ v(out) val='1.8/2' fall=1
.alter
.end
