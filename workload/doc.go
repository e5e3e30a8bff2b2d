// Package workload knows the shape of pods and of what makes them: the
// containers of every kind, the settings that take effect in each, and the
// owners up to the object that a person edits.
//
// It states facts about specs and statuses. Whether a fact is good or bad is
// for the checks to say.
//
//	for c := range workload.Containers(&pod.Spec) {
//		user := workload.EffectiveUser(&pod.Spec, c)
//	}
package workload
