// Package profile judges what was found inside a container: it loads sets of
// controls written in YAML and CEL, says what must be collected for them, and
// evaluates them over a snapshot. It collects nothing and talks to nobody: an
// evaluation is a pure function, and can be repeated later, elsewhere.
//
//	p, err := profile.LoadFile("web.yaml")        // or Builtin("container-core")
//	plan := p.Plan()                               // what to collect
//	r, err := p.Evaluate(ctx, s, profile.Options{}) // r.Findings; r.Missing: collect this too, and evaluate again
//
// # A profile
//
//	name: web
//	title: What our web servers must be
//	version: 1.0.0
//	summary: One or two sentences.
//	inputs:
//	  allowedPorts:
//	    type: ints            # string, int, number, bool, strings, ints
//	    default: [8080]       # without one, the input must be given
//	    description: Ports that may listen
//	include:
//	  - profile: container-core   # a built-in profile, or a file beside this one: ./base.yaml
//	    skip: [some-control]
//	    impact: {other-control: 0.3}
//	    inputs: {allowedShells: [/bin/sh]}
//	controls:
//	  - id: web-ports
//	    title: Only known ports listen
//	    desc: Why it matters.
//	    impact: 0.7               # 0.0 to 1.0
//	    tags: {nist: [CM-7]}
//	    references: [{framework: nist-800-190, id: "4.4.1"}]
//	    check: How the control decides.
//	    fix: What to do.
//	    applies: [container]      # container, host; both if not given
//	    when:                     # one, or a list: not applicable where one is false
//	      expression: size(mounts) > 0
//	      reason: There are no mounts.
//	    tests:
//	      - none: ports.filter(p, !(p.port in inputs.allowedPorts))
//	        message: "Ports that are not allowed: {{ offenders.map(p, string(p.port)) }}"
//	      - expression: file("/etc/nginx/nginx.conf").atMost("0644")
//	        message: "nginx.conf has mode {{ file('/etc/nginx/nginx.conf').permissions }}."
//	        description: nginx.conf can be changed by its owner only
//
// A test is either an expression that must be true, or a list that must be
// empty (none); in the message of the latter, offenders is that list. A list
// in a message is cut after a few elements, and counted.
//
// # What is not known
//
// Evidence may be missing: denied, cut off, failed, not collected. To ask for
// it gives an error value, which no operator turns into a verdict that the
// whole evidence might contradict: false && error is false, true && error is
// an error. A list that is not whole is such an error too, but all(),
// exists(), filter(), map() and none work on what is known of it: a definite
// offender is a failure though others may be unknown, and nothing passes.
package profile
