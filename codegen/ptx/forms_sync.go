package ptx

const syncForms = `
# Barriers of a block: barrier, threads.
bar[.cta].sync                               u32 u32?
bar[.cta].arrive                             u32 u32
bar[.cta].red.popc.u32                       =u32 u32 pred
bar[.cta].red.popc.u32                       =u32 u32 u32 pred
bar[.cta].red(.and.or).pred                  =pred u32 pred
bar[.cta].red(.and.or).pred                  =pred u32 u32 pred
barrier[.cta].sync[.aligned]                 u32 u32?
barrier[.cta].arrive[.aligned]               u32 u32
barrier[.cta].red.popc[.aligned].u32         =u32 u32 pred
barrier[.cta].red.popc[.aligned].u32         =u32 u32 u32 pred
barrier[.cta].red(.and.or)[.aligned].pred    =pred u32 pred
barrier[.cta].red(.and.or)[.aligned].pred    =pred u32 u32 pred
bar.warp.sync                                b32
barrier.cluster.arrive[.release.relaxed][.aligned]   ; 78 90
barrier.cluster.wait[.acquire][.aligned]             ; 78 90

# Within a warp; the last operand is the mask of the lanes that take part.
shfl.sync(M=.up.down.bfly.idx).b32           =b32|p? b32 u32 u32 b32
vote.sync(M=.all.any.uni).pred               =pred pred b32
vote.sync(M=.ballot).b32                     =b32 pred b32
match.any.sync(T=.b32.b64)                   =b32 T b32
match.all.sync(T=.b32.b64)                   =b32|p? T b32
activemask.b32                               =b32
redux.sync(O=.add.min.max)(T=.u32.s32)       =T T b32       ; 70 80
redux.sync(O=.and.or.xor)(T=.b32)            =T T b32       ; 70 80
redux.sync(O=.min.max)[.abs][.NaN](T=.f32)   =T T b32       ; 86 100a,100f,103a,103f,107a,107f
elect.sync                                   =_b32|p b32    ; 80 90

# Fences.
membar(.cta.gl.sys)
fence[.sc.acq_rel](.cta.gpu.sys)
fence[.sc.acq_rel].cluster                                        ; 78 90
fence(.acquire.release)(.cta.gpu.sys.cluster)                     ; 86 90
fence.mbarrier_init.release.cluster                               ; 80 90
fence.proxy.alias                                                 ; 70 70
fence.proxy.async[.global.shared::cta.shared::cluster]            ; 80 90
fence.proxy.tensormap::generic.release(.cta.cluster.gpu.sys)      ; 83 90
fence.proxy.tensormap::generic.acquire(.cta.cluster.gpu.sys)      [] #u32 ; 83 90
fence.proxy.async::generic.acquire.sync_restrict::shared::cluster.cluster ; 86 90
fence.proxy.async::generic.release.sync_restrict::shared::cta.cluster     ; 86 90
fence.acquire.sync_restrict::shared::cluster.cluster                      ; 86 90
fence.release.sync_restrict::shared::cta.cluster                          ; 86 90

# Barriers in memory.
mbarrier.init[S=$shared].b64                                                     [S] u32             ; 70 80
mbarrier.inval[S=$shared].b64                                                    [S]                 ; 70 80
mbarrier.arrive[S=$shared].b64                                                   =_b64 [S]           ; 70 80
mbarrier.arrive[S=$shared].b64                                                   =_b64 [S] u32       ; 78 90
mbarrier.arrive.noComplete[S=$shared].b64                                        =b64 [S] u32        ; 70 80
mbarrier.arrive[S=$anyshared].b64                        =_b64 [S] u32?      ; 80 90
mbarrier.arrive.release(.cta.cluster)[S=$anyshared].b64                        =_b64 [S] u32?      ; 80 90
mbarrier.arrive.relaxed(.cta.cluster)[S=$anyshared].b64                          =_b64 [S] u32?      ; 86 90
mbarrier.arrive.expect_tx[S=$anyshared].b64              =_b64 [S] u32       ; 80 90
mbarrier.arrive.expect_tx.release(.cta.cluster)[S=$anyshared].b64              =_b64 [S] u32       ; 80 90
mbarrier.arrive.expect_tx.relaxed(.cta.cluster)[S=$anyshared].b64                =_b64 [S] u32       ; 86 90
mbarrier.arrive_drop[S=$shared].b64                                              =_b64 [S]           ; 70 80
mbarrier.arrive_drop.noComplete[S=$shared].b64                                   =b64 [S] u32        ; 70 80
mbarrier.arrive_drop[S=$anyshared].b64                   =_b64 [S] u32?      ; 80 90
mbarrier.arrive_drop.release(.cta.cluster)[S=$anyshared].b64                   =_b64 [S] u32?      ; 80 90
mbarrier.arrive_drop.expect_tx[S=$anyshared].b64         =_b64 [S] u32       ; 80 90
mbarrier.arrive_drop.expect_tx.release(.cta.cluster)[S=$anyshared].b64         =_b64 [S] u32       ; 80 90
mbarrier.expect_tx[S=$anyshared].b64                     [S] u32             ; 80 90
mbarrier.expect_tx.relaxed(.cta.cluster)[S=$anyshared].b64                     [S] u32             ; 80 90
mbarrier.complete_tx[S=$anyshared].b64                   [S] u32             ; 80 90
mbarrier.complete_tx.relaxed(.cta.cluster)[S=$anyshared].b64                   [S] u32             ; 80 90
mbarrier.test_wait[S=$shared].b64                                                =pred [S] b64       ; 70 80
mbarrier.test_wait.parity[S=$shared].b64                                         =pred [S] u32       ; 71 80
mbarrier.test_wait[S=$shared].b64                        =pred [S] b64       ; 80 90
mbarrier.test_wait.acquire(.cta.cluster)[S=$shared].b64                        =pred [S] b64       ; 80 90
mbarrier.test_wait.parity[S=$shared].b64                 =pred [S] u32       ; 80 90
mbarrier.test_wait.parity.acquire(.cta.cluster)[S=$shared].b64                 =pred [S] u32       ; 80 90
mbarrier.test_wait.relaxed(.cta.cluster)[S=$shared].b64                          =pred [S] b64       ; 86 90
mbarrier.test_wait.parity.relaxed(.cta.cluster)[S=$shared].b64                   =pred [S] u32       ; 86 90
mbarrier.try_wait[S=$shared].b64                         =pred [S] b64 u32?  ; 78 90
mbarrier.try_wait.acquire(.cta.cluster)[S=$shared].b64                         =pred [S] b64 u32?  ; 78 90
mbarrier.try_wait.parity[S=$shared].b64                  =pred [S] u32 u32?  ; 78 90
mbarrier.try_wait.parity.acquire(.cta.cluster)[S=$shared].b64                  =pred [S] u32 u32?  ; 78 90
mbarrier.try_wait.relaxed(.cta.cluster)[S=$shared].b64                           =pred [S] b64 u32?  ; 86 90
mbarrier.try_wait.parity.relaxed(.cta.cluster)[S=$shared].b64                    =pred [S] u32 u32?  ; 86 90
mbarrier.pending_count.b64                                                       =u32 b64            ; 70 80

griddepcontrol(.wait.launch_dependents)      ; 78 90
setmaxnreg(.inc.dec).sync.aligned.u32        #u32 ; 80 90a,$bw
`

const controlForms = `
bra[.uni]                                    label
brx.idx[.uni]                                u32 targets
call[.uni]                                   callee
ret[.uni]
exit
trap
brkpt
nanosleep.u32                                u32 ; 63 70
pmevent[.mask]                               #u32
`
