package engine

import (
	"math"
	"time"
)

// WindowFunc computes one number from the points of a window, oldest first.
// False means that there is not enough of them to say.
type WindowFunc func(points []Point, covered bool) (float64, bool)

// Avg is the mean of all samples of a covered window.
func Avg(points []Point, covered bool) (float64, bool) {
	if !covered || len(points) == 0 {
		return 0, false
	}
	sum, count := 0.0, 0
	for _, p := range points {
		sum, count = sum+p.Sum, count+p.Count
	}
	return sum / float64(count), true
}

// Sum is that of all samples there are: of what is counted from reading to
// reading, nothing is known to have been before the first.
func Sum(points []Point, _ bool) (float64, bool) {
	sum := 0.0
	for _, p := range points {
		sum += p.Sum
	}
	return sum, len(points) > 0
}

// Max is the largest sample of a covered window.
func Max(points []Point, covered bool) (float64, bool) {
	if !covered || len(points) == 0 {
		return 0, false
	}
	largest := math.Inf(-1)
	for _, p := range points {
		largest = math.Max(largest, p.Max)
	}
	return largest, true
}

// Min is the smallest sample of a covered window.
func Min(points []Point, covered bool) (float64, bool) {
	if !covered || len(points) == 0 {
		return 0, false
	}
	smallest := math.Inf(1)
	for _, p := range points {
		smallest = math.Min(smallest, p.Min)
	}
	return smallest, true
}

// Delta is the newest sample less the oldest one of a covered window.
func Delta(points []Point, covered bool) (float64, bool) {
	if !covered || len(points) < 2 {
		return 0, false
	}
	return points[len(points)-1].LastValue - points[0].FirstValue, true
}

// Rate is Delta per second.
func Rate(points []Point, covered bool) (float64, bool) {
	delta, ok := Delta(points, covered)
	if !ok {
		return 0, false
	}
	seconds := points[len(points)-1].Last.Sub(points[0].First).Seconds()
	return delta / seconds, seconds > 0
}

// leastForecast is how many points a forecast needs: two always lie on a line.
const leastForecast = 5

// TimeTo forecasts in how many seconds a metric reaches target, by the line of
// least squares through a window. It needs five points over at least a tenth
// of the window, not the whole of it: a disk that fills in an hour must not
// wait for six. A metric that does not approach its target takes for ever
// (+Inf); one that has reached it, 0.
func TimeTo(target float64, window time.Duration) WindowFunc {
	return func(points []Point, _ bool) (float64, bool) {
		if len(points) < leastForecast || points[len(points)-1].Last.Sub(points[0].First) < window/10 {
			return 0, false
		}
		slope, newest := trend(points)
		switch distance := target - newest; {
		case distance == 0, distance < 0 && slope > 0:
			return 0, true
		case slope == 0, distance/slope < 0:
			return math.Inf(1), true
		default:
			return distance / slope, true
		}
	}
}

// trend returns the slope per second of the least-squares line and the newest
// sample.
func trend(points []Point) (slope, newest float64) {
	origin := points[0].First
	var n, sx, sy, sxx, sxy float64
	for _, p := range points {
		x := p.First.Add(p.Last.Sub(p.First) / 2).Sub(origin).Seconds()
		y := p.Sum / float64(p.Count)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if d := n*sxx - sx*sx; d > 0 {
		slope = (n*sxy - sx*sy) / d
	}
	return slope, points[len(points)-1].LastValue
}
