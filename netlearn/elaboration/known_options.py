"""Words of ``.options`` that change no operating point here, though they may mean something to a simulator."""

_NGSPICE = """
abstol acct autostop bypass chgtol cptime cshunt delmin epsmin filetype gminsteps indverbosity interp itl1 itl2
itl3 itl4 itl5 itl6 keepopinfo klu limpts list lvltim maxord method minbreak noacct noinit nomod noopac noopiter
nopage node numdgt oldlimit opts pivrel pivtol ramptime reltol savecurrents seed sparse srcsteps trtol trytocompact
vntol warn wnflag xmu
"""
_LTSPICE = """
baudrate gmindamp maxclocks maxstep meascplxfmt measdgt mindeltagmin noopiter plotreltol plotvntol plotwinsize
srcstepmethod sstol startclocks thermaldelay topologycheck
"""
_PSPICE = """
advconv digdrvf digdrvz digerrdefault digerrlimit digfreq diginitstate digiolvl digmntymx digmntyscale digovrdrv
digtymxscale distribution expand library nobias noecho noprbmsg noreuse preordr ptranabstol ptranstep ptranvntol
skipbp speed_level stepgmin threads width
"""
_HSPICE = """
absi absmos absv absvar accurate autostp brief captab co converge csdf dcap dccap dcfor dchold dcon dcstep delmax dv
dvdt fast fs ft gmindc gramp imax imin ingold kcltest lennam limtim mbypass measfail measfile measform measout nopiv
notop nowarn noxtop parhier pathnum post probe relh reli relmos relq relv relvar rmax rmin runlvl search slopetol
statfl unwrap vfloor warnlimit
"""
_XYCE = """
device diagnostic linsol linsol-ac linsol-hb loca measure nonlin nonlin-hb nonlin-tran output parser restart timeint
"""

HARMLESS_OPTIONS = frozenset(f"{_NGSPICE} {_LTSPICE} {_PSPICE} {_HSPICE} {_XYCE}".split())

FILE_OPTIONS = frozenset(("measfile", "measout", "search"))
"""Those among them that name files, which a written netlist does not hand on."""
