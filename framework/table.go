package framework

import "slices"

// tables are the frameworks without their items, which stand in data.
func tables() []*Framework {
	return []*Framework{
		{
			ID: "cis-kubernetes", Title: "CIS Kubernetes Benchmark", Version: "2.0.1", Aliases: []string{"cis"},
			Note: "For Kubernetes 1.34 and 1.35. Sections 5.2 and 5.6 had other numbers in earlier versions. " +
				"What section 5.2 keeps out is judged by the pods and templates that are there, not by what a namespace would let in.",
			Levels: []string{"L1", "L2"}, levels: upTo("L1", "L2"),
		},
		{
			ID: "nsa-cisa", Title: "NSA/CISA Kubernetes Hardening Guidance", Version: "1.2", Aliases: []string{"nsa", "cisa"},
			Note: "The guidance numbers nothing, so the identifiers are ours. Recommendations were read in the text of version 1.0, " +
				"the list of sections in what public tools say about later ones.",
		},
		{
			ID: "pss", Title: "Pod Security Standards", Version: "1.37", Aliases: []string{"pod-security-standards"},
			Note:   "Of policy version 1.37. The identifiers are a level and the name of a check of k8s.io/pod-security-admission.",
			URL:    "https://kubernetes.io/docs/concepts/security/pod-security-standards/",
			Levels: []string{"baseline", "restricted"}, levels: upTo("baseline", "restricted"),
		},
		{
			ID: "mitre-attack-containers", Title: "MITRE ATT&CK for Containers", Version: "18.1", Aliases: []string{"mitre", "attack"},
			Note: "Techniques are not rules: one that fails here is one for which something in the cluster opens the way. " +
				"Releases after 18.1 have other tactics where defense-evasion stands.",
		},
		{
			ID: "owasp-k8s-top10", Title: "OWASP Kubernetes Top Ten", Version: "2022, 2025", Aliases: []string{"owasp"},
			Note:   "Two editions, whose order and names differ: the level chooses one of them.",
			URL:    "https://owasp.org/www-project-kubernetes-top-ten/",
			Levels: []string{"2022", "2025"}, levels: only,
		},
		{
			ID: "nist-800-190", Title: "NIST SP 800-190, Application Container Security Guide", Version: "September 2017", Aliases: []string{"nist-190"},
			Note: "Sections 3 (risks) and 4 (countermeasures), by the document's own numbers.",
			URL:  "https://doi.org/10.6028/NIST.SP.800-190",
		},
		{
			ID: "nist-800-53", Title: "NIST SP 800-53, Security and Privacy Controls", Version: "Rev. 5.1.1", Aliases: []string{"nist-53"},
			Note: "Only the controls that a public mapping for Kubernetes uses. " +
				"A level is a baseline: moderate holds low, high holds both. AC-4(21), CM-5(6) and SC-6 are in none.",
			Levels: []string{"low", "moderate", "high"}, levels: upTo("low", "moderate", "high"),
		},
		{
			ID: "disa-k8s-stig", Title: "DISA Kubernetes STIG", Version: "V2R6", Aliases: []string{"stig", "disa"},
			Note: "Of 2026-04-01. high, medium and low are DISA's CAT I, II and III. The level is the lowest severity wanted: " +
				"medium holds high as well.",
			Levels: []string{"high", "medium", "low"}, levels: upTo("high", "medium", "low"),
		},
		{
			ID: "pci-dss", Title: "PCI DSS", Version: "4.0.1", Aliases: []string{"pci"},
			Note: "Only the requirements that a public mapping for Kubernetes uses. Most of those mappings are broad, " +
				"so a failed check is mostly a hint, and people must judge.",
		},
	}
}

// upTo is for levels of which each holds those before it.
func upTo(levels ...string) func(item, level string) bool {
	return func(item, level string) bool {
		n := slices.Index(levels, item)
		return n >= 0 && n <= slices.Index(levels, level)
	}
}

func only(item, level string) bool { return item == level }
