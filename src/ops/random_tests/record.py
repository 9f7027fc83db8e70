# Writes recorded.txt: run with PyTorch's Python. Name, hash of the result, hash of the next rand(3).
import torch, struct, torch.nn.functional as F
def h(*ts):
    x=0xcbf29ce484222325
    for t in ts:
        if t.dtype==torch.bfloat16 or t.dtype==torch.float16: t=t.view(torch.int16)
        for b in t.contiguous().numpy().tobytes(): x=((x^b)*0x100000001b3)&(2**64-1)
    return x
def e(n): return torch.empty(n)
ones=torch.ones
ar=lambda a,b: torch.arange(float(a),float(b))
cases={
'rand 7':lambda:torch.rand(7),'rand f64':lambda:torch.rand(20,dtype=torch.float64),'randn 3 4 5':lambda:torch.randn(3,4,5),'randn 7':lambda:torch.randn(7),'randn c64':lambda:torch.randn(10,dtype=torch.complex64),
'randint':lambda:torch.randint(10,(30,)),'randint_low':lambda:torch.randint(-5,5,(3,4)),'randperm':lambda:torch.randperm(100),'randperm i32':lambda:torch.randperm(20,dtype=torch.int32),
'rand_like':lambda:torch.rand_like(torch.zeros(5,9).t()),'randn_like':lambda:torch.randn_like(torch.zeros(5,9).t()),'randint_like':lambda:torch.randint_like(torch.zeros(5),100),
'normal_ t':lambda:torch.empty(5,7).t().normal_(),'uniform_ t':lambda:torch.empty(5,7).t().uniform_(),
'uniform_ gaps':lambda:torch.zeros(6,8)[:,::2].uniform_(-1,2),'normal_ gaps':lambda:torch.zeros(6,8)[:,::2].normal_(1,2),'uniform_ gaps t':lambda:torch.zeros(6,8)[:,::2].t().uniform_(-1,2),
'random_':lambda:torch.empty(10,dtype=torch.int64).random_(),'random_ to':lambda:e(10).random_(9),'random_ from':lambda:e(10).random_(3,9),'random_ from i16':lambda:torch.empty(10,dtype=torch.int16).random_(3,None),
'bernoulli_':lambda:e(40).bernoulli_(.3),'bernoulli_ p':lambda:e(10).bernoulli_(torch.full((10,),.6)),'bernoulli_ p t':lambda:torch.empty(4,3).t().bernoulli_(torch.linspace(0,1,4)),
'bernoulli':lambda:torch.bernoulli(torch.linspace(0,1,40)),'bernoulli p':lambda:torch.bernoulli(torch.zeros(40),.3),
'exponential_':lambda:e(20).exponential_(2.5),'cauchy_':lambda:e(20).cauchy_(1,2),'geometric_':lambda:e(20).geometric_(.3),'log_normal_':lambda:e(20).log_normal_(.5,.8),
'normal TT':lambda:torch.normal(ar(0,20),ar(1,21)),'normal Tf':lambda:torch.normal(ar(0,5),2.),'normal fT':lambda:torch.normal(0.,ar(1,6)),'normal size':lambda:torch.normal(2.,3.,(4,5)),'normal broadcast':lambda:torch.normal(ar(0,3).view(3,1),ar(1,7)),
'multinomial 1':lambda:torch.multinomial(ar(1,7),1),'multinomial r':lambda:torch.multinomial(ar(1,7),20,True),'multinomial':lambda:torch.multinomial(ar(1,7),6),'multinomial 2d':lambda:torch.multinomial(ones(3,6),4),'multinomial r1':lambda:torch.multinomial(ones(3,6),1,True),
'poisson':lambda:torch.poisson(ar(0,12)),'binomial':lambda:torch.binomial(torch.full((10,),9.),torch.full((10,),.4)),'gamma':lambda:torch._standard_gamma(ar(1,12)),
'dropout':lambda:F.dropout(ones(50),.5),'dropout .1':lambda:F.dropout(ones(7,9),.1),'dropout f64':lambda:F.dropout(ones(50,dtype=torch.float64),.3),'dropout t':lambda:F.dropout(ar(0,35).view(5,7).t(),.3),'dropout 1':lambda:F.dropout(ones(5),1.),'dropout2d':lambda:F.dropout2d(ones(2,8,2,2),.4),'dropout1d':lambda:F.dropout1d(ones(8,3),.4),'dropout3d':lambda:F.dropout3d(ones(8,3,2,2),.4),
'alpha':lambda:F.alpha_dropout(ones(30),.4,True),'feature_alpha':lambda:F.feature_alpha_dropout(ones(4,5,3),.4,True),'rrelu':lambda:F.rrelu(-ones(30),training=True),'rrelu eval':lambda:F.rrelu(ar(-5,5)),
}
for n,f in cases.items():
    torch.manual_seed(0)
    r=f(); print(f"{n}\t{h(r):016x}\t{h(torch.rand(3)):016x}")
