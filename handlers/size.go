package handlers

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ackbox/internal/text"
	"ackbox/store"
)

const (
	// measureEvery is how often the size of the database is measured.
	measureEvery = time.Minute
	// measureTimeout is how long that may take.
	measureTimeout = 10 * time.Second
	// fewDaysLeft is from how many days on the disk is warned of.
	fewDaysLeft = 14
)

// sizeMeter measures the database, and remembers how large it was.
type sizeMeter interface {
	Size(ctx context.Context, now time.Time) (store.Size, error)
	RecordSize(ctx context.Context, now time.Time) error
}

// DatabaseSize knows how large the database is and how long its disk lasts.
type DatabaseSize struct {
	meter  sizeMeter
	log    *slog.Logger
	last   atomic.Pointer[store.Size]
	warned bool

	bytes, free, daysLeft *prometheus.Desc
}

// NewDatabaseSize returns a DatabaseSize that knows nothing yet. [DatabaseSize.Run] must run.
func NewDatabaseSize(
	m sizeMeter, log *slog.Logger, metrics prometheus.Registerer,
) *DatabaseSize {
	gauge := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, nil, nil)
	}
	d := &DatabaseSize{
		meter: m, log: log,
		bytes: gauge("ackbox_database_bytes", "Size of the database."),
		free:  gauge("ackbox_database_free_bytes", "By how many bytes the database can grow."),
		daysLeft: gauge("ackbox_database_days_left",
			"Days until the disk is full, by the growth of the database."),
	}
	metrics.MustRegister(d)
	return d
}

// Run measures the database once a minute until the context ends.
func (d *DatabaseSize) Run(ctx context.Context) error {
	periodic{measureEvery, d.measure, d.logChange}.run(ctx)
	return nil
}

func (d *DatabaseSize) measure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	now := time.Now()
	size, err := d.meter.Size(ctx, now)
	if err != nil {
		return err
	}
	d.last.Store(&size)
	warnings := d.Warnings(now)
	if len(warnings) > 0 && !d.warned {
		d.log.Warn("disk of the database fills", "warning", warnings[0])
	}
	d.warned = len(warnings) > 0
	return d.meter.RecordSize(ctx, now)
}

func (d *DatabaseSize) logChange(err error) {
	if err != nil {
		d.log.Warn("size of the database not measured", "error", err)
		return
	}
	d.log.Info("size of the database measured again")
}

// Warnings returns a sentence when the disk is full soon. It fits [Warnings].
func (d *DatabaseSize) Warnings(time.Time) []string {
	size := d.last.Load()
	if size == nil {
		return nil
	}
	days, known := size.DaysLeft()
	if !known || days >= fewDaysLeft {
		return nil
	}
	left := text.Count(days, "day", "days")
	if days == 0 {
		left = "less than a day"
	}
	return []string{"the disk of the database is full in " + left + " if it goes on growing like this"}
}

// Describe implements prometheus.Collector.
func (d *DatabaseSize) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{d.bytes, d.free, d.daysLeft} {
		to <- desc
	}
}

// Collect implements prometheus.Collector. What is not known has no metric.
func (d *DatabaseSize) Collect(to chan<- prometheus.Metric) {
	size := d.last.Load()
	if size == nil {
		return
	}
	gauge := func(desc *prometheus.Desc, value float64) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	gauge(d.bytes, float64(size.Bytes))
	if size.Free != nil {
		gauge(d.free, float64(*size.Free))
	}
	if days, known := size.DaysLeft(); known {
		gauge(d.daysLeft, float64(days))
	}
}

// databaseSize is the part of /readyz about the size.
type databaseSize struct {
	Bytes    int64 `json:"bytes"`
	DaysLeft *int  `json:"days_left"` // null if it is not known
}

func (d *DatabaseSize) report() *databaseSize {
	size := d.last.Load()
	if size == nil {
		return nil
	}
	r := &databaseSize{Bytes: size.Bytes}
	if days, known := size.DaysLeft(); known {
		r.DaysLeft = &days
	}
	return r
}
