import { suite } from '@athena-budget-examples/testing';
import { Phone } from '@athena-budget-examples/signaldb';

suite('SignalDB', Phone);
