// What runs the platform, as commands: apart, because reading it takes longer than most calls of a client command. The parts
// themselves are read when they start (roots/): a worker needs no service, and whoever asks for help none of them.
export { taskDispatcherCommand, classicWorkerCommand } from './commands/classic.ts';
export { dispatcherCommand } from './commands/dispatcher.ts';
export { doctorCommand } from './commands/doctor.ts';
export { serviceCommand } from './commands/service.ts';
export { upCommand } from './commands/up.ts';
export { workerCommand } from './commands/worker.ts';
