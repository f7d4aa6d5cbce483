// Package minimax has the polynomials by which the targets compute functions, as coefficients, that of the lowest power first: fits with
// the least greatest error, found by the exchange of Remez in 60 digits and rounded from the lowest power up, each time fitting those
// that are left again; to f32 where a name ends in 32. Errors are relative and of the function that is said, unless said otherwise,
// with the polynomial evaluated exactly.
package minimax

// Cosine32 is p in cos x = 1 - x²/2 + x⁴·p(x²) for |x| ≤ π/4: error 2^-32.99.
var Cosine32 = []float64{0x1.55554ap-5, -0x1.6c0c28p-10, 0x1.99e80cp-16}

// Cosine64 is p in cos x = 1 - x²/2 + x⁴·p(x²) for |x| ≤ π/4: error 2^-63.93.
var Cosine64 = []float64{
	0x1.555555555554bp-5, -0x1.6c16c16c15014p-10, 0x1.a01a019c8ef72p-16, -0x1.27e4f7f1631b8p-22, 0x1.1ee9dba8222dfp-29,
	-0x1.8fa66d0e6edf3p-37,
}

// Erf32 is p in erf x = x + x·p(x²) for |x| ≤ 0.5: error 2^-29.34.
var Erf32 = []float64{0x1.06eba8p-3, -0x1.812734p-2, 0x1.ce2544p-4, -0x1.b66846p-6, 0x1.35465ep-8}

// Erf64 is p in erf x = x + x·p(x²) where 1 - erfc x would cancel.
var Erf64 = []float64{
	0x1.06eba8214db69p-3, -0x1.812746b037a5dp-2, 0x1.ce2f21a04cc7ep-4, -0x1.b82ce317c9214p-6, 0x1.565bce6e93d5ep-8,
	-0x1.c02e1b703408bp-11, 0x1.f9b4eb476b4c4p-14, -0x1.f694f9efe5bb3p-17, 0x1.d14a5727757a8p-20, -0x1.d03b7ef00d634p-23,
}

// Erfc32 is -log2 erfc x for x from 0.48 to 3.93: error of erf x 2^-27.68.
var Erfc32 = []float64{0x1.b8d904p-15, -0x1.a0de98p+0, -0x1.d540aep-1, -0x1.386f64p-3, 0x1.11d678p-5, -0x1.37cc22p-8, 0x1.527642p-12}

// Exp32 is p in e^x = 1 + x·p(x) for |x| ≤ ln 2/2: error 2^-28.25.
var Exp32 = []float64{1, 0x1.fffffcp-2, 0x1.555494p-3, 0x1.5558bep-5, 0x1.123856p-7, 0x1.6a3d14p-10}

// Exp64 is p in e^x = 1 + x + x²/2 + x³·p(x) for |x| ≤ ln 2/2: error 2^-61.60.
var Exp64 = []float64{
	0x1.5555555555559p-3, 0x1.5555555555558p-5, 0x1.111111110f724p-7, 0x1.6c16c16c174dcp-10, 0x1.a01a01af95f99p-13,
	0x1.a01a0199ade56p-16, 0x1.71ddf938c43e7p-19, 0x1.27e502d803fcfp-22, 0x1.af5d2226aa826p-26, 0x1.1f29ce6fe8ce0p-29,
}

// Log32 is q in ln(1 + f) = f + f²·q(f) for f from -1/4 to 1/2: error 2^-27.59.
var Log32 = []float64{
	-0.5, 0x1.5555a4p-2, -0x1.00004ap-2, 0x1.9969a0p-3, -0x1.54ed98p-3, 0x1.288056p-3, -0x1.0d98b2p-3, 0x1.acf56cp-4,
	-0x1.71e61ep-5,
}

// Log64 is p in ln m = 2s + s³·p(s²) with s = (m - 1)/(m + 1): error of the logarithm 2^-59.49.
var Log64 = []float64{
	0x1.5555555555592p-1, 0x1.999999997ff03p-2, 0x1.24924941e34c7p-2, 0x1.c71c521244d7dp-3, 0x1.74663d6c3aea3p-3,
	0x1.39a1da57e9313p-3, 0x1.2f045a8351fabp-3,
}

// LogPair64 is p in ln m = 2s + (2/3)·s³ + s⁵·p(s²) with s = (m - 1)/(m + 1): error 2^-73.48.
var LogPair64 = []float64{
	0x1.9999999999996p-2, 0x1.2492492492f51p-2, 0x1.c71c71c5968f7p-3, 0x1.745d18295717ep-3, 0x1.3b1364c8f164ep-3,
	0x1.11206f42b98bfp-3, 0x1.de3d6c3c84c9cp-4, 0x1.eac5ea1931554p-4,
}

// Sine32 is p in sin x = x + x³·p(x²) for |x| ≤ π/4: error 2^-32.52.
var Sine32 = []float64{-0x1.555556p-3, 0x1.111174p-7, -0x1.a05954p-13, 0x1.7c2c4ep-19}

// Sine64 is p in sin x = x + x³·p(x²) for |x| ≤ π/4: error 2^-63.23.
var Sine64 = []float64{
	-0x1.5555555555555p-3, 0x1.1111111111069p-7, -0x1.a01a019ffe524p-13, 0x1.71de3a33a5afdp-19, -0x1.ae642c5217eacp-26,
	0x1.6109bdd53e8efp-33, -0x1.9ffdb78c97c98p-41,
}

// Softplus32 is p in ln(1 + E) = E + E²·p(E), for E from 0 to 1: error 2^-27.50.
var Softplus32 = []float64{
	-0x1.ffffd2p-2, 0x1.554dd0p-2, -0x1.ff23e6p-3, 0x1.934b54p-3, -0x1.3a435ep-3, 0x1.b4ae08p-4, -0x1.d6b08cp-5,
	0x1.4917cep-6, -0x1.af49cep-9,
}

// Softplus64 is p in ln(1 + E) = 2s + s³·p(s²) with s = E/(2 + E), for E from 0 to 1: error 2^-64.50.
var Softplus64 = []float64{
	0x1.5555555555556p-1, 0x1.9999999999656p-2, 0x1.24924924ba509p-2, 0x1.c71c71a9abcbep-3, 0x1.745d1d7107360p-3,
	0x1.3b12e3b476049p-3, 0x1.11226b0fc3c4cp-3, 0x1.dff4215b6f130p-4, 0x1.c0ffca3003881p-4, 0x1.201340c487bddp-4,
	0x1.500042a077de6p-3,
}

// Tail64 is what is above the two lowest coefficients of Φ(-a)·e^(a²/2)·(a + 6) in w = (a - 6)/(a + 6), for a from 0 to 39: error 2^-58. Φ is the normal
// distribution's.
var Tail64 = []float64{
	0x1.234fe3fd925bep-1, -0x1.a7d6577269bc9p-2, 0x1.1267d7383da91p-2, -0x1.38b069dbb6237p-3, 0x1.33e77775fff15p-4,
	-0x1.fba9d52f616f4p-6, 0x1.48a83bd299d20p-7, -0x1.1764cdb792c5cp-9, 0x1.13bbca3833c16p-15, 0x1.7c574384f87b2p-13,
	-0x1.0f96d1732cc9dp-14, 0x1.20827ad6ff83cp-20, 0x1.c811b0f2cf32fp-18, -0x1.e2a889805e135p-20, -0x1.cc2c712642d86p-22,
	0x1.4b2c2ba53375cp-22, 0x1.a8d2a7cf66279p-28, -0x1.6a2beb795ed6fp-25, 0x1.9e5bcf84866d1p-29, 0x1.601b8e2f7db0fp-28,
	-0x1.7fbb024cbd124p-32, -0x1.b5cfc1f421de5p-32,
}

// TailSlope64 is the slope in w of what [Tail64] is a part of, to 2^-18.
var TailSlope64 = []float64{
	-0x1.66ea50p-1, 0x1.235088p+0, -0x1.3deb7ap+0, 0x1.126010p+0, -0x1.8611f2p-1, 0x1.ce3866p-2, -0x1.c61de4p-3,
	0x1.475f5ep-4, -0x1.b91934p-7,
}

// Tanh32 is p in tanh x = x + x³·p(x²) for |x| ≤ 0.625: error 2^-27.72.
var Tanh32 = []float64{-0x1.555532p-2, 0x1.1106f6p-3, -0x1.b835a4p-5, 0x1.51f8cep-6, -0x1.750ce2p-8}
